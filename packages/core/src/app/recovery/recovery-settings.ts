import { dirname, join, resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { readControlFile } from '../../wal/control-file.ts'
import type { RestoreOptions, ServeOptions } from '../../restore/restore-arguments.ts'
import { parseSystemIdentifier } from '../../wal/system-identifier.ts'

/** Where WAL comes from: plain data, which can be sent to another process or thread as JSON. */
export interface RecoverySettings {
  /** Absolute; `--config` or WALR_CONFIG. No file is searched for. */
  readonly configPath?: string
  /** Absolute; `-D` or WALR_RECEIVE_DIRECTORY. Without it, `receive.directory` of the configuration. */
  readonly directory?: string
  /** The receive directory of the configuration is on another machine: it is not looked at. */
  readonly archiveOnly: boolean
  /** Another walr; then neither directory nor archive is asked. */
  readonly serve?: ServeSettings
  /** Of the cluster that is being recovered, decimal. */
  readonly systemIdentifier?: string
  /** How long an outage is waited for. */
  readonly timeoutMs: number
}

/** Where another walr is, and how to log in to it. Files are absolute. */
export interface ServeSettings {
  readonly url: string
  readonly tokenFile?: string
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

export interface RecoveryPlace {
  readonly disk: Disk
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where PostgreSQL runs its commands: its data directory. */
  readonly workingDirectory: string
}

/** What names where WAL comes from; the command line of restore-command has it all. */
export type RecoveryOptions = Pick<
  RestoreOptions,
  'directory' | 'configPath' | 'archiveOnly' | 'serve' | 'systemIdentifier' | 'timeoutMs' | 'targetPath'
>

/**
 * Puts command line and environment together; the command line goes first. Whose WAL is wanted is asked of the data
 * directory in which PostgreSQL runs the command, or of that in which the target lies: `pg_rewind` runs it anywhere.
 * @throws WalrError WALR_USAGE, WALR_WRONG_CLUSTER, WALR_DIRECTORY
 */
export async function recoverySettings(options: RecoveryOptions, place: RecoveryPlace): Promise<RecoverySettings> {
  const { timeoutMs, archiveOnly } = options
  const named = sourcesNamed(options, place)
  const systemIdentifier = await wantedSystem(options, place)
  return { ...named, archiveOnly, timeoutMs, ...(systemIdentifier !== undefined && { systemIdentifier }) }
}

function sourcesNamed(
  options: RecoveryOptions,
  { environment, workingDirectory }: RecoveryPlace,
): Pick<RecoverySettings, 'configPath' | 'directory' | 'serve'> {
  const absolute = (path: string): string => resolve(workingDirectory, path)
  const { serve, archiveOnly } = options
  if (options.directory === '') throw new WalrError('WALR_USAGE', 'the receive directory is an empty string')
  if (options.configPath === '') throw new WalrError('WALR_USAGE', 'the configuration file is an empty string')
  const isLocalNamed = options.directory !== undefined || options.configPath !== undefined
  const isServeNamed = serve.url !== undefined
  const url = serve.url ?? (isLocalNamed ? undefined : present(environment['WALR_SERVE_ADDR']))
  const directory = options.directory ?? (isServeNamed ? undefined : present(environment['WALR_RECEIVE_DIRECTORY']))
  const configPath = options.configPath ?? (isServeNamed ? undefined : present(environment['WALR_CONFIG']))
  if (url !== undefined) {
    if (directory !== undefined || configPath !== undefined || archiveOnly) {
      throw new WalrError(
        'WALR_USAGE',
        'WAL is to come from another walr, and from a directory or an archive as well',
        {
          hint: 'Give --serve-addr, or -D and --config. WALR_SERVE_ADDR, WALR_RECEIVE_DIRECTORY and WALR_CONFIG count, too.',
        },
      )
    }
    return { serve: serveSettings(url, serve, environment, absolute) }
  }
  const stray = Object.entries(serve).find(([, value]) => value !== undefined)
  if (stray !== undefined) {
    throw new WalrError('WALR_USAGE', `options for --serve-addr are given without it ("${stray[1] ?? ''}")`)
  }
  if (archiveOnly && (options.directory !== undefined || configPath === undefined)) {
    throw new WalrError('WALR_USAGE', 'with --archive-only WAL comes from the archive of a configuration file', {
      hint: 'Give --config FILE, and no -D.',
    })
  }
  if (directory === undefined && configPath === undefined) {
    throw new WalrError('WALR_USAGE', 'no receive directory specified, and no configuration with an archive', {
      hint: 'Give --config FILE, -D DIRECTORY or --serve-addr URL, or set WALR_CONFIG, WALR_RECEIVE_DIRECTORY or WALR_SERVE_ADDR.',
    })
  }
  return {
    ...(configPath !== undefined && { configPath: absolute(configPath) }),
    ...(directory !== undefined && !archiveOnly && { directory: absolute(directory) }),
  }
}

function serveSettings(
  url: string,
  { caFile, certFile, keyFile, ...given }: ServeOptions,
  environment: RecoveryPlace['environment'],
  absolute: (path: string) => string,
): ServeSettings {
  const tokenFile = given.tokenFile ?? present(environment['WALR_SERVE_TOKEN_FILE'])
  return {
    url,
    ...(tokenFile !== undefined && { tokenFile: absolute(tokenFile) }),
    ...(caFile !== undefined && { caFile: absolute(caFile) }),
    ...(certFile !== undefined && { certFile: absolute(certFile) }),
    ...(keyFile !== undefined && { keyFile: absolute(keyFile) }),
  }
}

async function wantedSystem(options: RecoveryOptions, place: RecoveryPlace): Promise<string | undefined> {
  const { disk, workingDirectory } = place
  // The text of the path, and not where a linked pg_wal leads.
  const besideTarget = join(dirname(resolve(workingDirectory, options.targetPath)), '..')
  const found = (await readControlFile(disk, workingDirectory)) ?? (await readControlFile(disk, besideTarget))
  const named = options.systemIdentifier
  if (found !== undefined && named !== undefined && BigInt(named) !== BigInt(found)) {
    throw new WalrError('WALR_WRONG_CLUSTER', `--system-identifier says ${named}, but ${found} is being recovered`, {
      hint: 'Leave the option out where PostgreSQL runs the command: global/pg_control says it.',
    })
  }
  const systemIdentifier = found ?? named
  // Without leading zeros, as it stands in keys.
  return systemIdentifier === undefined ? undefined : parseSystemIdentifier(BigInt(systemIdentifier).toString())
}

function present(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
