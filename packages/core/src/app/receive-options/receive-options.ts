import type { Verbosity } from '../../telemetry/verbosity.ts'
import { toVerbosity } from '../../telemetry/verbosity.ts'
import type { CompressionSpec } from '../../wal/compression/compression-spec.ts'
import { parseCompressionSpec } from '../../wal/compression/compression-spec.ts'
import type { Lsn } from '../../wal/lsn.ts'
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
 * @returns the options, or `help` or `version` when one of these is asked for before anything is wrong.
 * @throws WalrError WALR_USAGE, with pg_receivewal's message wherever it has one.
 * @see `main` in `src/bin/pg_basebackup/pg_receivewal.c`
 */
export function parseReceiveOptions(argv: readonly string[]): ReceiveOptions | 'help' | 'version' {
  const given = new GivenOptions()
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

/** Collects options in their order; a later one replaces an earlier one of the same kind. */
class GivenOptions {
  readonly operands: string[] = []
  readonly #values = new Map<string, string>()
  #endpos: Lsn | undefined
  #statusIntervalMs = 10_000
  #verbose = 0
  #prompt: ConnectionOptions['prompt'] = 'when-asked'

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
    const directory = this.#values.get('directory')
    if (directory === undefined && action === 'receive') throw usageError('no target directory specified')
    const compression = parseCompressionSpec(this.#values.get('compress') ?? 'none')
    return {
      action,
      directory,
      endpos: this.#endpos,
      loop: !this.#values.has('no-loop'),
      statusIntervalMs: this.#statusIntervalMs,
      slot: this.#values.get('slot'),
      ifNotExists: this.#values.has('if-not-exists'),
      flush: parseChoice('--flush', this.#values.get('flush') ?? 'batch', ['batch', 'segment']),
      sync,
      compression,
      verbosity: toVerbosity(this.#verbose),
      logFormat: parseChoice('--log-format', this.#values.get('log-format') ?? 'text', ['text', 'json']),
      acceptGap: this.#values.has('accept-gap'),
      connection: {
        connectionString: this.#values.get('dbname'),
        host: this.#values.get('host'),
        port: this.#values.get('port'),
        user: this.#values.get('username'),
        prompt: this.#prompt,
      },
    }
  }

  #checkAction(): ReceiveOptions['action'] {
    const [operand] = this.operands
    if (operand !== undefined) throw usageError(`too many command-line arguments (first is "${operand}")`)
    const create = this.#values.has('create-slot')
    const drop = this.#values.has('drop-slot')
    if (create && drop) throw usageError('cannot use --create-slot together with --drop-slot')
    const slot = this.#values.get('slot')
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
