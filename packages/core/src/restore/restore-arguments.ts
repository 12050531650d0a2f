import { parseArgs } from 'node:util'
import { WalrError } from '../errors/walr-error.ts'

/** The command line of `walr restore-command`. */
export type RestoreArguments =
  | { readonly help: true }
  | {
      readonly help: false
      /** `-D`. */
      readonly directory: string | undefined
      /** `--config`. */
      readonly configPath: string | undefined
      /** Whether an unfinished segment may be given when nothing better exists. */
      readonly partial: 'auto' | 'never'
      readonly verbose: boolean
      /** `%f`. */
      readonly fileName: string
      /** `%p`, as given: relative to the working directory. */
      readonly targetPath: string
    }

const hint = 'Try "walr restore-command --help" for more information.'

/**
 * Reads what follows `restore-command`.
 * @throws WalrError WALR_USAGE
 */
export function parseRestoreArguments(argv: readonly string[]): RestoreArguments {
  const { values, positionals } = parsed(argv)
  if (values.help === true) return { help: true }
  const [fileName, targetPath, ...rest] = positionals
  if (fileName === undefined || targetPath === undefined || fileName === '' || targetPath === '') {
    throw new WalrError('WALR_USAGE', 'restore-command needs two arguments, the name of a file and where to put it', {
      hint: 'In postgresql.conf: restore_command = \'walr restore-command -D DIRECTORY %f "%p"\'.',
    })
  }
  if (rest.length > 0) {
    throw new WalrError('WALR_USAGE', `too many command-line arguments (first is "${rest[0] ?? ''}")`, { hint })
  }
  return {
    help: false,
    directory: values.directory,
    configPath: values.config,
    partial: values['no-partial'] === true ? 'never' : partialMode(values.partial),
    verbose: values.verbose === true,
    fileName,
    targetPath,
  }
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        directory: { type: 'string', short: 'D' },
        config: { type: 'string' },
        partial: { type: 'string' },
        'no-partial': { type: 'boolean' },
        verbose: { type: 'boolean', short: 'v' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    throw new WalrError('WALR_USAGE', cause instanceof Error ? cause.message : String(cause), { hint, cause })
  }
}

function partialMode(value: string | undefined): 'auto' | 'never' {
  if (value === undefined || value === 'auto') return 'auto'
  if (value === 'never') return 'never'
  throw new WalrError('WALR_USAGE', `invalid value "${value}" for option --partial`, {
    hint: 'The value is auto or never.',
  })
}
