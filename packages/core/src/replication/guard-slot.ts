import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'
import { isSlotMissing } from './replication-slot.ts'

export interface GuardSlotOptions {
  readonly name: string
  /** An ordinary connection to a database. */
  readonly connectSql: (signal: AbortSignal) => Promise<ReplicationConnection>
  readonly logger: Logger
  readonly signal: AbortSignal
  /** The slot is moved at most this often. */
  readonly intervalMs?: number
}

const INTERVAL_MS = 10_000
const DUPLICATE_OBJECT = '42710'

/**
 * A physical slot that is moved only to what the archive has confirmed, so that the server keeps all WAL that exists
 * nowhere but on walr's disk. Nobody streams from it.
 * @see manual, "Replication Management Functions": `pg_replication_slot_advance`
 */
export class GuardSlot {
  readonly #options: GuardSlotOptions
  #wantedLsn: Lsn | undefined
  #reachedLsn: Lsn | undefined
  #moving: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #lastMoveMs = -Infinity
  #failing = false
  #closed = false
  readonly #timeUp = new AbortController()

  constructor(options: GuardSlotOptions) {
    this.#options = options
  }

  /** Creates the slot, keeping WAL from now on, unless it is there. */
  async ensure(): Promise<void> {
    const { name, logger } = this.#options
    await this.#query(async (connection) => {
      const rows = await connection.query(
        `SELECT 1 FROM pg_catalog.pg_replication_slots WHERE slot_name = ${literal(name)}`,
      )
      if (rows.length > 0) return
      try {
        await connection.query(`SELECT pg_catalog.pg_create_physical_replication_slot(${literal(name)}, true)`)
      } catch (error) {
        if (isWalrError(error) && error.sqlState === DUPLICATE_OBJECT) return
        throw error
      }
      logger.notice(`created the guard slot "${name}": the server keeps WAL from now on until it is archived`)
    })
  }

  /** The archive has confirmed everything before `archivedLsn`. The slot follows soon, and never goes back. */
  confirm(archivedLsn: Lsn): void {
    if (this.#wantedLsn !== undefined && archivedLsn <= this.#wantedLsn) return
    this.#wantedLsn = archivedLsn
    this.#plan()
  }

  /** Moves the slot a last time, for at most `limitMs`, and rests. */
  async close(limitMs: number): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    // A server that does not answer must not keep us, whichever move it is.
    const limit = setTimeout(() => this.#timeUp.abort(new DOMException('walr is stopping', 'AbortError')), limitMs)
    await this.#moving
    if (this.#wantedLsn !== this.#reachedLsn) await this.#move(this.#timeUp.signal)
    clearTimeout(limit)
  }

  #plan(): void {
    if (this.#closed || this.#moving || this.#timer) return
    const { intervalMs = INTERVAL_MS, signal } = this.#options
    const waitMs = Math.max(0, this.#lastMoveMs + intervalMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#moving = this.#move(AbortSignal.any([signal, this.#timeUp.signal])).finally(() => {
        this.#moving = undefined
        if (this.#wantedLsn !== this.#reachedLsn) this.#plan()
      })
    }, waitMs)
    this.#timer.unref()
  }

  /** Never rejects: a guard that stays behind costs disk on the server, no more. */
  async #move(signal: AbortSignal): Promise<void> {
    const { name, logger } = this.#options
    const wanted = this.#wantedLsn
    if (wanted === undefined) return
    this.#lastMoveMs = performance.now()
    try {
      await this.#query((connection) => advance(connection, name, wanted), signal)
      this.#reachedLsn = wanted
      if (this.#failing) logger.notice(`the guard slot "${name}" is moved again`)
      this.#failing = false
    } catch (error) {
      if (signal.aborted) return
      const text = `could not move the guard slot "${name}" to ${formatLsn(wanted)}: ${messageOf(error)}`
      // Once until it goes well again.
      if (this.#failing) logger.debug(text)
      else logger.warning(text, { hint: hintOf(error, name) })
      this.#failing = true
    }
  }

  async #query(
    work: (connection: ReplicationConnection) => Promise<void>,
    signal = this.#options.signal,
  ): Promise<void> {
    const connection = await this.#options.connectSql(signal)
    try {
      await work(connection)
    } finally {
      await connection.close()
    }
  }
}

/** The server refuses to move a slot back, which is fine, and stops at what it has flushed itself. */
async function advance(connection: ReplicationConnection, name: string, lsn: Lsn): Promise<void> {
  const slot = literal(name)
  const [row] = await connection.query(
    `SELECT restart_lsn IS NULL, restart_lsn < ${literal(formatLsn(lsn))}::pg_lsn FROM pg_catalog.pg_replication_slots WHERE slot_name = ${slot}`,
  )
  if (!row) throw new WalrError('WALR_SLOT_MISSING', `replication slot "${name}" does not exist`)
  if (row[0] === 't') throw new WalrError('WALR_SLOT_INVALID', `replication slot "${name}" keeps no WAL`)
  if (row[1] !== 't') return
  await connection.query(`SELECT pg_catalog.pg_replication_slot_advance(${slot}, ${literal(formatLsn(lsn))})`)
}

function hintOf(error: unknown, name: string): string {
  if (isSlotMissing(error) || isWalrError(error, 'WALR_SLOT_MISSING')) return 'walr creates it at its next start.'
  if (isWalrError(error, 'WALR_SLOT_INVALID')) {
    return `The server has removed WAL that it was to keep. Drop the slot with pg_drop_replication_slot('${name}'); walr creates it again at its next start.`
  }
  return 'The server keeps more WAL than it needs to until this goes well. walr tries again.'
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
