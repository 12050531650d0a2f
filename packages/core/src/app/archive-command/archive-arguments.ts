import { parseArgs } from 'node:util'
import { parseDuration } from '../../config/duration.ts'
import { WalrError } from '../../errors/walr-error.ts'

/** The command line of `walr archive-command`. */
export type ArchiveArguments =
  | { readonly help: true }
  | {
      readonly help: false
      /** `--config`. */
      readonly configPath: string | undefined
      /** How long outages of the storage are waited for. */
      readonly timeoutMs: number
      /** How many files are archived at the same time. */
      readonly jobs: number
      readonly verbosity: 0 | 1 | 2
      /** `%p`, as given: relative to the working directory. */
      readonly path: string
      /** All other words. */
      readonly options: readonly string[]
    }

const DEFAULT_TIMEOUT = '60s'
const DEFAULT_JOBS = '4'
const MOST_JOBS = 64
const hint = 'Try "walr archive-command --help" for more information.'

/**
 * Reads what follows `archive-command`.
 * @throws WalrError WALR_USAGE
 */
export function parseArchiveArguments(argv: readonly string[]): ArchiveArguments {
  const { values, tokens } = parsed(argv)
  if (values.help === true) return { help: true }
  const positionals = tokens.filter((token) => token.kind === 'positional')
  const [path, second] = positionals
  if (path === undefined || path.value === '') {
    throw new WalrError('WALR_USAGE', 'archive-command needs one argument, the path of a file in pg_wal', {
      hint: 'In postgresql.conf: archive_command = \'walr archive-command --config FILE "%p"\'.',
    })
  }
  if (second) {
    throw new WalrError('WALR_USAGE', `too many command-line arguments (first is "${second.value}")`, {
      hint: 'Put "%p" in double quotes, and nothing behind it.',
    })
  }
  return {
    help: false,
    configPath: values.config,
    timeoutMs: timeoutMs(values.timeout ?? DEFAULT_TIMEOUT),
    jobs: jobs(values.jobs ?? DEFAULT_JOBS),
    verbosity: verbosityOf(values.verbose?.length ?? 0),
    path: path.value,
    options: argv.filter((_, index) => index !== path.index),
  }
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      tokens: true,
      options: {
        config: { type: 'string' },
        timeout: { type: 'string' },
        jobs: { type: 'string', short: 'j' },
        verbose: { type: 'boolean', short: 'v', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    throw new WalrError('WALR_USAGE', cause instanceof Error ? cause.message : String(cause), { hint, cause })
  }
}

function timeoutMs(text: string): number {
  const duration = parseDuration(text)
  if (duration) return duration.ms
  throw new WalrError('WALR_USAGE', `invalid value "${text}" for option --timeout`, {
    hint: 'The value is a length of time such as 30s or 5m.',
  })
}

function jobs(text: string): number {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= MOST_JOBS) return number
  throw new WalrError('WALR_USAGE', `invalid value "${text}" for option --jobs`, {
    hint: `The value is a number from 1 to ${MOST_JOBS}.`,
  })
}

function verbosityOf(count: number): 0 | 1 | 2 {
  return count === 0 ? 0 : count === 1 ? 1 : 2
}
