import { parseArgs } from 'node:util'
import { parseDuration } from '../config/duration.ts'
import { WalrError } from '../errors/walr-error.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'

/** The command line of `walr restore-command`. */
export type RestoreArguments = { readonly help: true } | RestoreOptions

export interface RestoreOptions {
  readonly help: false
  /** `-D`. */
  readonly directory: string | undefined
  /** `--config`. */
  readonly configPath: string | undefined
  /** Whether the receive directory of the configuration is on another machine. */
  readonly archiveOnly: boolean
  /** `--serve-addr` and what belongs to it. */
  readonly serve: ServeOptions
  /** Whether an unfinished segment may be given when nothing better exists. */
  readonly partial: 'auto' | 'never'
  /** What a segment is that is missing before later ones; undefined: it depends on what PostgreSQL is doing. */
  readonly atGap: 'stop' | 'end' | undefined
  /** How long an outage is waited for. */
  readonly timeoutMs: number
  readonly unavailable: 'fail' | 'retry'
  /** How many bytes may be fetched ahead; 0 for none. */
  readonly prefetchBytes: number
  readonly systemIdentifier: SystemIdentifier | undefined
  readonly verbose: boolean
  /** `%f`. */
  readonly fileName: string
  /** `%p`, as given: relative to the working directory. */
  readonly targetPath: string
}

/** Files as given: relative to the working directory. */
export interface ServeOptions {
  readonly url: string | undefined
  readonly tokenFile: string | undefined
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

const hint = 'Try "walr restore-command --help" for more information.'
const DEFAULT_TIMEOUT_MS = 60_000
const DEFAULT_PREFETCH_BYTES = 268_435_456 // 256 MiB

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
      hint: 'In postgresql.conf: restore_command = \'walr restore-command --config FILE %f "%p"\'.',
    })
  }
  if (rest.length > 0) {
    throw new WalrError('WALR_USAGE', `too many command-line arguments (first is "${rest[0] ?? ''}")`, { hint })
  }
  return {
    help: false,
    directory: values.directory,
    configPath: values.config,
    archiveOnly: values['archive-only'] === true,
    serve: {
      url: values['serve-addr'],
      tokenFile: values['serve-token-file'],
      caFile: values['serve-ca'],
      certFile: values['serve-cert'],
      keyFile: values['serve-key'],
    },
    partial: values['no-partial'] === true ? 'never' : oneOf('partial', values.partial, 'auto', 'never'),
    atGap: values['at-gap'] === undefined ? undefined : oneOf('at-gap', values['at-gap'], 'stop', 'end'),
    timeoutMs: duration('timeout', values.timeout),
    unavailable: oneOf('unavailable', values.unavailable, 'fail', 'retry'),
    prefetchBytes: bytes('prefetch', values.prefetch),
    systemIdentifier: systemIdentifier('system-identifier', values['system-identifier']),
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
        'archive-only': { type: 'boolean' },
        'serve-addr': { type: 'string' },
        'serve-token-file': { type: 'string' },
        'serve-ca': { type: 'string' },
        'serve-cert': { type: 'string' },
        'serve-key': { type: 'string' },
        partial: { type: 'string' },
        'no-partial': { type: 'boolean' },
        'at-gap': { type: 'string' },
        timeout: { type: 'string' },
        unavailable: { type: 'string' },
        prefetch: { type: 'string' },
        'system-identifier': { type: 'string' },
        verbose: { type: 'boolean', short: 'v' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (cause) {
    throw new WalrError('WALR_USAGE', cause instanceof Error ? cause.message : String(cause), { hint, cause })
  }
}

/** The first choice is the default. */
function oneOf<T extends string>(option: string, value: string | undefined, first: T, second: T): T {
  if (value === undefined || value === first) return first
  if (value === second) return second
  throw invalid(option, value, `${first} or ${second}`)
}

function duration(option: string, value: string | undefined): number {
  if (value === undefined) return DEFAULT_TIMEOUT_MS
  const parsedDuration = parseDuration(value)
  // As long as PostgreSQL may ever be made to wait by accident: a day.
  if (parsedDuration !== undefined && parsedDuration.ms <= 86_400_000) return parsedDuration.ms
  throw invalid(option, value, 'a duration such as 500ms, 30s or 15m, at most 1d')
}

const unitBytes = { '': 1, B: 1, kB: 1024, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const

function bytes(option: string, value: string | undefined): number {
  if (value === undefined) return DEFAULT_PREFETCH_BYTES
  const match = /^(\d{1,12})(B|kB|KB|MB|GB)?$/.exec(value)
  const size = match && Number(match[1]) * unitBytes[(match[2] ?? '') as keyof typeof unitBytes]
  if (size !== null && Number.isSafeInteger(size)) return size
  throw invalid(option, value, 'a size such as 256MB or 1GB, or 0')
}

function systemIdentifier(option: string, value: string | undefined): SystemIdentifier | undefined {
  if (value === undefined) return undefined
  const identifier = parseSystemIdentifier(value)
  if (identifier !== undefined) return identifier
  throw invalid(option, value, 'a decimal number, as pg_controldata shows it')
}

function invalid(option: string, value: string, expected: string): WalrError {
  return new WalrError('WALR_USAGE', `invalid value "${value}" for option --${option}`, {
    hint: `The value is ${expected}.`,
  })
}
