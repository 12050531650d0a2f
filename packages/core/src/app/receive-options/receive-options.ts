import type { ConfiguredSettings } from '../config-thread/load-config-aside.ts'
import type { Verbosity } from '../../telemetry/verbosity.ts'
import { toVerbosity } from '../../telemetry/verbosity.ts'
import type { CompressionSpec } from '../../wal/compression/compression-spec.ts'
import { parseCompressionSpec } from '../../wal/compression/compression-spec.ts'
import type { Lsn } from '../../wal/lsn.ts'
import { configuredArchive, configuredConnection, configuredHttp, type ArchiveOptions } from './configured-options.ts'
import type { ReceiveHttpSettings } from '../serve/receive-http.ts'
import { getoptLong, usageError } from './getopt-long.ts'
import { parseChoice, parseEndPosition, parseStatusInterval } from './option-values.ts'
import { RECEIVE_OPTIONS } from './receive-option-table.ts'

/** What `walr receive` is asked to do, checked as far as that is possible without a server or a disk. */
export interface ReceiveOptions {
  readonly action: 'receive' | 'create-slot' | 'drop-slot'
  /** Undefined only for the two actions on slots, which do not look at it. */
  readonly directory: string | undefined
  /** Stop behind this position. */
  readonly endpos: Lsn | undefined
  /** False with `--no-loop`: a lost connection is a failure. */
  readonly loop: boolean
  /** 0: no periodic status. */
  readonly statusIntervalMs: number
  readonly slot: string | undefined
  readonly ifNotExists: boolean
  readonly flush: 'batch' | 'segment'
  /** False with `--no-sync`: nothing is made durable, and nothing but written positions is known. */
  readonly sync: boolean
  readonly compression: CompressionSpec
  readonly verbosity: Verbosity
  readonly logFormat: LogFormat
  readonly acceptGap: boolean
  readonly connection: ConnectionOptions
  /** Create the slot at the start when it is missing. */
  readonly createSlot: boolean
  /** A second slot that keeps on the server what the archive lacks. */
  readonly guardSlot: string | undefined
  /** Where finished segments go to; undefined when they stay in the directory. */
  readonly archive: ArchiveOptions | undefined
  /** How WAL is served over HTTP; undefined when it is not. */
  readonly http: ReceiveHttpSettings | undefined
}

/** Which configuration a command line asks for. */
export interface ConfigRequest {
  /** Of `--config`. */
  readonly path: string | undefined
  /** With a directory the command line is complete, as with pg_receivewal: nothing is searched for. */
  readonly search: boolean
}

/** Connection settings of the command line, as given: everything else fills the gaps. */
export interface ConnectionOptions {
  /** `key=value` pairs or a URI. The other settings here win over it. May hold a password. */
  readonly connectionString: string | undefined
  readonly host: string | undefined
  readonly port: string | undefined
  readonly user: string | undefined
  readonly prompt: 'never' | 'when-asked' | 'always'
}

export type LogFormat = 'text' | 'json'

/** How to log what happens while or before the options are checked. */
export interface LogSettings {
  readonly verbosity: Verbosity
  readonly logFormat: LogFormat
}

/**
 * Reads the command line of `walr receive`: pg_receivewal's, with its checks in its order, and walr's own options.
 * @param argv what follows `receive`.
 * @param loaded fills what the command line leaves open.
 * @returns the options, or `help` or `version` when one of these is asked for before anything is wrong.
 * @throws WalrError WALR_USAGE, with pg_receivewal's message wherever it has one.
 * @see `main` in `src/bin/pg_basebackup/pg_receivewal.c`
 */
export function parseReceiveOptions(
  argv: readonly string[],
  loaded?: ConfiguredSettings,
): ReceiveOptions | 'help' | 'version' {
  const given = new GivenOptions(loaded)
  for (const part of getoptLong(argv, RECEIVE_OPTIONS)) {
    if (part.kind === 'operand') given.operands.push(part.value)
    else if (part.name === 'help' || part.name === 'version') return part.name
    else given.add(part.name, part.value)
  }
  return given.check()
}

/** The log settings of a command line as far as it can be read: for the report of what is wrong with it. */
export function readLogSettings(argv: readonly string[]): LogSettings {
  let verbose = 0
  let logFormat: LogFormat = 'text'
  const parts = getoptLong(argv, RECEIVE_OPTIONS)
  try {
    for (const part of parts) {
      if (part.kind !== 'option') continue
      if (part.name === 'verbose') verbose += 1
      if (part.name === 'log-format') logFormat = part.value === 'json' ? 'json' : 'text'
    }
  } catch {
    // parseReceiveOptions reports it; here only what stands before it matters.
  }
  return { verbosity: toVerbosity(verbose), logFormat }
}

/**
 * Finds out which configuration is to be read, before the options are checked.
 * @returns undefined when none is: for the help and the version, and where the command line cannot be read.
 */
export function readConfigRequest(argv: readonly string[]): ConfigRequest | undefined {
  const values = new Map<string, string>()
  try {
    for (const part of getoptLong(argv, RECEIVE_OPTIONS)) if (part.kind === 'option') values.set(part.name, part.value)
  } catch {
    // parseReceiveOptions reports it.
    return undefined
  }
  if (values.has('help') || values.has('version')) return undefined
  const isComplete = values.has('directory') || values.has('create-slot') || values.has('drop-slot')
  return { path: values.get('config'), search: !isComplete }
}

/** Collects options in their order; a later one replaces an earlier one of the same kind. */
class GivenOptions {
  readonly operands: string[] = []
  readonly #loaded: ConfiguredSettings | undefined
  readonly #values = new Map<string, string>()
  #endpos: Lsn | undefined
  #statusIntervalMs: number
  #verbose = 0
  #prompt: ConnectionOptions['prompt'] = 'when-asked'

  constructor(loaded: ConfiguredSettings | undefined) {
    this.#loaded = loaded
    this.#statusIntervalMs = loaded?.config.receive.statusInterval.ms ?? 10_000
  }

  /** These two are checked where they stand, as pg_receivewal does; the rest in {@link check}. */
  add(name: string, value: string): void {
    this.#values.set(name, value)
    if (name === 'endpos') this.#endpos = parseEndPosition(value)
    if (name === 'status-interval') this.#statusIntervalMs = parseStatusInterval(value)
    if (name === 'verbose') this.#verbose += 1
    if (name === 'no-password') this.#prompt = 'never'
    if (name === 'password') this.#prompt = 'always'
  }

  check(): ReceiveOptions {
    const action = this.#checkAction()
    const sync = this.#checkSync()
    const config = this.#loaded?.config
    const directory = this.#values.get('directory') ?? config?.receive.directory
    if (directory === undefined && action === 'receive') throw usageError('no target directory specified')
    const compression = parseCompressionSpec(this.#values.get('compress') ?? config?.receive.compress ?? 'none')
    return {
      action,
      directory,
      endpos: this.#endpos,
      loop: !this.#values.has('no-loop'),
      statusIntervalMs: this.#statusIntervalMs,
      slot: this.#slot(),
      ifNotExists: this.#values.has('if-not-exists'),
      flush: parseChoice('--flush', this.#values.get('flush') ?? this.#configuredFlush(), ['batch', 'segment']),
      sync,
      compression,
      verbosity: toVerbosity(this.#verbose),
      logFormat: parseChoice('--log-format', this.#values.get('log-format') ?? 'text', ['text', 'json']),
      acceptGap: this.#values.has('accept-gap'),
      connection: {
        connectionString: this.#values.get('dbname') ?? configuredConnection(config),
        host: this.#values.get('host'),
        port: this.#values.get('port'),
        user: this.#values.get('username'),
        prompt: this.#prompt,
      },
      createSlot: config?.receive.createSlot ?? false,
      guardSlot: config?.receive.guardSlot,
      archive: configuredArchive(this.#loaded),
      http: configuredHttp(this.#loaded),
    }
  }

  #slot(): string | undefined {
    return this.#values.get('slot') ?? this.#loaded?.config.receive.slot
  }

  /** The options of the command line win, also those that exclude one of the configuration. */
  #configuredFlush(): 'batch' | 'segment' {
    if (this.#values.has('synchronous') || this.#values.has('no-sync')) return 'batch'
    return this.#loaded?.config.receive.flush ?? 'batch'
  }

  #checkAction(): ReceiveOptions['action'] {
    const [operand] = this.operands
    if (operand !== undefined) throw usageError(`too many command-line arguments (first is "${operand}")`)
    const create = this.#values.has('create-slot')
    const drop = this.#values.has('drop-slot')
    if (create && drop) throw usageError('cannot use --create-slot together with --drop-slot')
    const slot = this.#slot()
    if (slot === undefined && (create || drop)) {
      throw usageError(`${drop ? '--drop-slot' : '--create-slot'} needs a slot to be specified using --slot`)
    }
    if (slot === '') throw usageError('the name of the replication slot given with --slot is empty')
    if (create) return 'create-slot'
    return drop ? 'drop-slot' : 'receive'
  }

  #checkSync(): boolean {
    const sync = !this.#values.has('no-sync')
    const synchronous = this.#values.has('synchronous')
    if (synchronous && !sync) throw usageError('cannot use --synchronous together with --no-sync')
    if (this.#values.has('flush') && !sync) throw usageError('cannot use --flush together with --no-sync')
    if (synchronous && this.#values.get('flush') === 'segment') {
      throw usageError('cannot use --synchronous together with --flush=segment')
    }
    return sync
  }
}
