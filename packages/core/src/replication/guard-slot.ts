import type { ErrorCode } from '../errors/error-codes.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { formatLsn, parseLsn, type Lsn } from '../wal/lsn.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'
import { isSlotMissing } from './replication-slot.ts'

export interface GuardSlotOptions {
  readonly name: string
  /** The slot of the stream: a new guard keeps what this one does. */
  readonly streamSlot?: string | undefined
  /** An ordinary connection to a database. */
  readonly connectSql: (signal: AbortSignal) => Promise<ReplicationConnection>
  readonly logger: Logger
  readonly signal: AbortSignal
  /** The status is another one. */
  readonly onStatus?: () => void
  /** The slot is moved at most this often. */
  readonly intervalMs?: number
  /** How often it is looked at when there is nothing to move. */
  readonly lookMs?: number
}

/** Plain data, written as JSON. */
export interface GuardSlotStatus {
  readonly slot: string
  /** The server keeps WAL from here on; undefined until the slot was seen. */
  readonly lsn: string | undefined
  /** Undefined as long as the slot does what it is for. */
  readonly trouble: { readonly code: ErrorCode; readonly message: string; readonly since: string } | undefined
}

/** All WAL before it, on the way to this timeline, is in the archive. */
export interface ConfirmedPosition {
  readonly timelineId: TimelineId
  readonly lsn: Lsn
}

const INTERVAL_MS = 10_000
const LOOK_MS = 60_000
const DUPLICATE_OBJECT = '42710'

/**
 * What a server writes, or a standby replays at least, by everything that tells any role: on a standby the timeline that
 * it receives is for some, and what its control file has may be an older one.
 */
const TIMELINE = `SELECT CASE WHEN pg_catalog.pg_is_in_recovery()
    THEN NULL ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) END,
  GREATEST((SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver),
    (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
    (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()))`

/**
 * A physical slot that is moved only to what the archive has confirmed, so that the server keeps all WAL that exists
 * nowhere but on walr's disk. Nobody streams from it. What was confirmed on the way to another timeline than the server's
 * moves nothing: after a failover such a position may lie behind WAL that the archive has of the old primary only.
 * @see manual, "Replication Management Functions": `pg_replication_slot_advance`
 */
export class GuardSlot {
  readonly #options: GuardSlotOptions
  #wanted: ConfirmedPosition | undefined
  /** What the last visit that went well was for. */
  #visited: ConfirmedPosition | undefined
  #lsn: string | undefined
  #trouble: GuardSlotStatus['trouble']
  #visiting: Promise<void> | undefined
  #timer: { readonly id: NodeJS.Timeout; readonly atMs: number } | undefined
  #lastVisitMs = -Infinity
  #ensured = false
  #closed = false
  readonly #timeUp = new AbortController()

  constructor(options: GuardSlotOptions) {
    this.#options = options
  }

  /** Where the slot stood when it was last looked at, and what is wrong with it. */
  get status(): GuardSlotStatus {
    return { slot: this.#options.name, lsn: this.#lsn, trouble: this.#trouble }
  }

  /**
   * To be called for each server that is connected to. Creates the slot unless it is there, keeping what the stream's slot
   * keeps, or else WAL from now on. From then on it is looked at now and then.
   */
  async ensure(): Promise<void> {
    const { name, streamSlot, logger } = this.#options
    await this.#query(async (connection) => {
      const standsAt = await look(connection, name)
      if (standsAt === null) this.#failed('use', lost(name))
      else this.#lsn = standsAt
      if (standsAt !== undefined) return
      const source = streamSlot === undefined ? undefined : await look(connection, streamSlot)
      try {
        await connection.query(source && streamSlot ? copySlot(streamSlot, name) : createSlot(name))
      } catch (error) {
        if (isWalrError(error) && error.sqlState === DUPLICATE_OBJECT) return
        throw error
      }
      logger.notice(
        `created the guard slot "${name}": the server keeps WAL from ${source ?? 'now'} on until it is archived`,
      )
    })
    this.#ensured = true
    this.#lastVisitMs = performance.now()
    // It may be another server's slot.
    this.#visited = undefined
    this.#visitAfter(this.#pauseMs())
  }

  /** The slot follows soon, and never goes back. */
  confirm(position: ConfirmedPosition): void {
    const before = this.#wanted
    if (before?.timelineId === position.timelineId && position.lsn <= before.lsn) return
    this.#wanted = position
    this.#visitAfter(this.#options.intervalMs ?? INTERVAL_MS)
  }

  /** Moves the slot a last time, for at most `limitMs`, and rests. */
  async close(limitMs: number): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer?.id)
    // A server that does not answer must not keep us, whichever visit it is.
    const limit = setTimeout(() => this.#timeUp.abort(new DOMException('walr is stopping', 'AbortError')), limitMs)
    await this.#visiting
    if (this.#wanted !== this.#visited) await this.#visit(this.#timeUp.signal)
    clearTimeout(limit)
  }

  #pauseMs(): number {
    const { intervalMs = INTERVAL_MS, lookMs = LOOK_MS } = this.#options
    return this.#wanted === this.#visited ? lookMs : intervalMs
  }

  /** Plans the next visit for so long after the last one, unless it is planned for earlier. */
  #visitAfter(pauseMs: number): void {
    if (this.#closed || this.#visiting) return
    const { signal } = this.#options
    const nowMs = performance.now()
    const atMs = Math.max(nowMs, this.#lastVisitMs + pauseMs)
    if (this.#timer && this.#timer.atMs <= atMs) return
    clearTimeout(this.#timer?.id)
    const id = setTimeout(() => {
      this.#timer = undefined
      this.#visiting = this.#visit(AbortSignal.any([signal, this.#timeUp.signal])).finally(() => {
        this.#visiting = undefined
        if (!signal.aborted) this.#visitAfter(this.#pauseMs())
      })
    }, atMs - nowMs)
    id.unref()
    this.#timer = { id, atMs }
  }

  /** Never rejects: a guard that stays behind costs disk on the server, and one that is lost stops nothing. */
  async #visit(signal: AbortSignal): Promise<void> {
    const { name, logger } = this.#options
    const wanted = this.#wanted
    this.#lastVisitMs = performance.now()
    try {
      await this.#query(async (connection) => {
        this.#lsn = await move(connection, this.#options, wanted)
      }, signal)
      this.#visited = wanted
      if (this.#trouble) logger.notice(`the guard slot "${name}" is well again`)
      this.#report(undefined)
    } catch (error) {
      if (signal.aborted) return
      this.#failed(wanted === undefined ? 'look at' : 'move', error)
    }
  }

  /** Tells each kind of trouble once, until it goes well again. */
  #failed(doing: string, error: unknown): void {
    // It is made with the first connection.
    if (!this.#ensured && isWalrError(error, 'WALR_SLOT_MISSING')) return
    const { name, logger } = this.#options
    const code = isWalrError(error) ? error.code : 'WALR_INTERNAL'
    const known = this.#trouble?.code === code ? this.#trouble : undefined
    const text = `could not ${doing} the guard slot "${name}": ${messageOf(error)}`
    if (known) logger.debug(text)
    else logger.warning(text, { hint: hintOf(error, name) })
    this.#report({ code, message: messageOf(error), since: known?.since ?? new Date().toISOString() })
  }

  #report(trouble: GuardSlotStatus['trouble']): void {
    this.#trouble = trouble
    this.#options.onStatus?.()
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

function createSlot(name: string): string {
  return `SELECT pg_catalog.pg_create_physical_replication_slot(${literal(name)}, true)`
}

function copySlot(source: string, name: string): string {
  return `SELECT pg_catalog.pg_copy_physical_replication_slot(${literal(source)}, ${literal(name)})`
}

/** Where the slot stands: null when the server has given it up, undefined when it does not exist. */
async function look(connection: ReplicationConnection, name: string): Promise<string | null | undefined> {
  const [row] = await connection.query(
    `SELECT CASE WHEN wal_status <> 'lost' THEN restart_lsn END FROM pg_catalog.pg_replication_slots WHERE slot_name = ${literal(name)}`,
  )
  return row && (row[0] ?? null)
}

/**
 * Moves the slot to a position on the server's timeline, if it stands before that, and returns where it is then. The
 * server refuses to move a slot back, which is fine, and stops at what it has flushed itself.
 */
async function move(
  connection: ReplicationConnection,
  { name, logger }: Pick<GuardSlotOptions, 'name' | 'logger'>,
  wanted: ConfirmedPosition | undefined,
): Promise<string> {
  const at = await look(connection, name)
  if (at === undefined) throw new WalrError('WALR_SLOT_MISSING', `replication slot "${name}" does not exist`)
  if (at === null) throw lost(name)
  const standsAt = parseLsn(at)
  if (wanted === undefined || (standsAt !== undefined && standsAt >= wanted.lsn)) return at
  const timeline = await readTimeline(connection)
  if (timeline !== wanted.timelineId) {
    logger.debug(
      `the server is on timeline ${timeline}, the archive on ${wanted.timelineId}: the guard slot "${name}" waits`,
    )
    return at
  }
  const [row] = await connection.query(
    `SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance(${literal(name)}, ${literal(formatLsn(wanted.lsn))})`,
  )
  return row?.[0] ?? at
}

async function readTimeline(connection: ReplicationConnection): Promise<number> {
  const [row] = await connection.query(TIMELINE)
  const [writing = null, replaying = null] = row ?? []
  return writing === null ? Number(replaying) : Number.parseInt(writing.slice(0, 8), 16)
}

function lost(name: string): WalrError {
  return new WalrError('WALR_SLOT_INVALID', `replication slot "${name}" keeps no WAL`)
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
