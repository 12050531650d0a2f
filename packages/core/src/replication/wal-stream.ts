import { WalrError } from '../errors/walr-error.ts'
import type { FlushedLsn, Lsn } from '../wal/lsn.ts'
import type { SegmentWriter } from '../wal/segment-writer.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { CopySink, ReplicationConnection } from './connection/replication-connection.ts'
import type { ReceiverStateHolder } from './receiver-state.ts'
import { StandbyStatus } from './standby-status.ts'

export interface WalStreamOptions {
  readonly connection: Pick<ReplicationConnection, 'sendCopyData' | 'sendCopyDone' | 'close'>
  readonly writer: SegmentWriter
  readonly walSegmentSize: WalSegmentSize
  /** `batch`: durable and reported as soon as the socket is dry. `segment`: at the end of each segment. */
  readonly flush: 'batch' | 'segment'
  /** Whether the server is told a flush position at all. */
  readonly reportFlush: boolean
  /** No flush position below this is reported: it would move the slot backwards, over WAL that the server has removed. */
  readonly reportFrom: Lsn
  /** Where the server's WAL ended a moment ago; the stream itself tells later. */
  readonly serverLsn: Lsn
  /** 0: no periodic status. */
  readonly statusIntervalMs: number
  /** The server's wal_sender_timeout; 0 when it has none. */
  readonly serverTimeoutMs: number
  readonly endpos: Lsn | undefined
  readonly state: ReceiverStateHolder
  /** Told that the server has started to stream. */
  readonly onStreaming: () => void
  readonly now?: () => number
}

/** How far behind the server is called catching up: flushes then run beside the stream, and not after every read. */
const CATCHING_UP_BYTES = 4_194_304 // 4 MiB
const CATCHING_UP_FLUSH_MS = 200
const TICK_MS = 1000
/** When the server has no timeout of its own. */
const DEFAULT_SILENCE_MS = 60_000
const STOP_TIMEOUT_MS = 10_000

/**
 * One stream of WAL: takes what arrives, writes it, makes it durable, and reports that. Write everything the socket has
 * ready, then one fdatasync, then one status message; so commits that arrive together share a flush.
 */
export class WalStream implements CopySink {
  readonly #options: WalStreamOptions
  readonly #writer: SegmentWriter
  readonly #status = new StandbyStatus()
  readonly #now: () => number
  #walEndHigh: number
  #walEndLow: number
  #flushing: Promise<void> | undefined
  #flushWanted = false
  #flushScheduled = false
  #lastFlushMs = 0
  /** Reading a clock at every message would cost more than what it is for: the tick notes the time of these. */
  #statusSent = false
  #received = false
  #lastStatusMs = 0
  #lastReceivedMs = 0
  #pinged = false
  /** A write or a flush that the socket waits for. */
  #busy: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #failure: Error | undefined
  #over = false
  #timer: NodeJS.Timeout | undefined
  #stopTimer: NodeJS.Timeout | undefined

  constructor(options: WalStreamOptions) {
    this.#options = options
    this.#writer = options.writer
    this.#walEndHigh = Number(options.serverLsn >> 32n)
    this.#walEndLow = Number(options.serverLsn & 0xffff_ffffn)
    this.#now = options.now ?? (() => performance.now())
  }

  /** Why the stream was given up from this side, if it was. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Whether {@link stop} was called or the end position was passed. */
  get stopped(): boolean {
    return this.#stopping !== undefined
  }

  onStart(): void {
    if (this.#stopping) {
      // Stopped before the server agreed to stream: CopyDone could not be sent until now.
      this.#options.connection.sendCopyDone()
      return
    }
    const now = this.#now()
    this.#lastReceivedMs = now
    this.#lastFlushMs = now
    this.#lastStatusMs = now
    this.sendStatus(false)
    const { statusIntervalMs, serverTimeoutMs } = this.#options
    const tickMs = Math.min(TICK_MS, ...[statusIntervalMs, serverTimeoutMs / 4].filter((ms) => ms > 0))
    // In a gap the server agrees first and refuses then: only WAL itself ends that state.
    if (this.#options.state.status.state !== 'gap') this.#reportState(this.#lag())
    this.#timer = setInterval(() => this.#tick(), Math.max(50, tickMs))
    this.#options.onStreaming()
  }

  onWalHeader(startHigh: number, startLow: number, walEndHigh: number, walEndLow: number): void {
    if (this.#stopping) return
    this.#writer.expect(startHigh, startLow)
    this.#walEndHigh = walEndHigh
    this.#walEndLow = walEndLow
    this.#writer.live = this.#lag() < this.#options.walSegmentSize
  }

  onWalData(bytes: Buffer, offset: number, length: number, last: boolean): void | Promise<void> {
    if (this.#stopping) return
    const pending = this.#writer.write(bytes, offset, length)
    if (pending) return this.#hold(pending.then(() => (last ? this.#messageWritten() : undefined)))
    if (last) return this.#messageWritten()
  }

  onKeepalive(walEndHigh: number, walEndLow: number, replyRequested: boolean): void | Promise<void> {
    if (this.#stopping) return
    this.#walEndHigh = walEndHigh
    this.#walEndLow = walEndLow
    if (replyRequested) return this.#hold(this.#flushAndReport())
  }

  onReadEnd(dry: boolean): void {
    this.#received = true
    if (this.#stopping || this.#over) return
    const lag = this.#lag()
    this.#reportState(lag)
    if (this.#options.flush === 'segment' || !this.#writer.dirty) return
    const catchingUp = lag > CATCHING_UP_BYTES
    if (catchingUp && this.#now() - this.#lastFlushMs < CATCHING_UP_FLUSH_MS) return
    if (dry) this.#requestFlush(catchingUp)
    else this.#scheduleFlush()
  }

  async onCopyDone(): Promise<void> {
    this.#end()
    if (this.#stopping) return
    await this.#flushing
    await this.#writer.close()
  }

  /**
   * Ends the stream from this side: flushes, reports, and sends CopyDone. `startReplication` settles when the server has
   * answered, or after a bounded time without an answer. Never rejects: what goes wrong is the {@link failure}.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAfterWrite().catch((error: unknown) => {
      this.#fail(error)
    })
    return this.#stopping
  }

  /** Reports what was written and what is durable. Does nothing when the stream is over. */
  sendStatus(replyRequested: boolean): void {
    if (this.#over) return
    const { connection, reportFlush, reportFrom } = this.#options
    const flushed: FlushedLsn | undefined = this.#writer.flushedLsn
    const reported = reportFlush && flushed !== undefined && flushed >= reportFrom ? flushed : undefined
    connection.sendCopyData(this.#status.encode(this.#writer.reportedWriteLsn, reported, replyRequested))
    this.#statusSent = true
  }

  /** Releases the timers; the stream is over, however it ended. */
  dispose(): void {
    this.#end()
    clearTimeout(this.#stopTimer)
  }

  #lag(): number {
    return this.#writer.distanceTo(this.#walEndHigh, this.#walEndLow)
  }

  #messageWritten(): void | Promise<void> {
    const { endpos } = this.#options
    if (this.#stopping || endpos === undefined || endpos >= this.#writer.writtenLsn) return
    this.#stopping = this.#finishStop()
    return this.#stopping
  }

  /** The state changes where the stream has fallen behind by a segment, and back where it is nearly level. */
  #reportState(lag: number): void {
    const { state, walSegmentSize } = this.#options
    const now = state.status.state
    const undecided = now !== 'streaming' && now !== 'catching-up'
    if (lag > walSegmentSize && now !== 'catching-up') state.set('catching-up', `${lag} bytes behind the server`)
    else if ((undecided || lag < walSegmentSize / 16) && now !== 'streaming')
      state.set('streaming', 'level with the server')
  }

  /** Remembers what the socket waits for, so that stopping can wait for it as well. */
  #hold(pending: Promise<void>): Promise<void> {
    const held = pending.finally(() => {
      if (this.#busy === held) this.#busy = undefined
    })
    this.#busy = held
    return held
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    setImmediate(() => {
      this.#flushScheduled = false
      if (this.#stopping || this.#over || !this.#writer.dirty) return
      this.#requestFlush(this.#lag() > CATCHING_UP_BYTES)
    })
  }

  #requestFlush(background: boolean): void {
    if (this.#flushing) {
      this.#flushWanted = true
      return
    }
    if (background) this.#lastFlushMs = this.#now()
    let pending: void | Promise<void>
    try {
      pending = this.#writer.flush(background)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (!pending) {
      this.sendStatus(false)
      return
    }
    this.#flushing = pending.then(
      () => {
        this.#flushing = undefined
        this.sendStatus(false)
        if (!this.#flushWanted || this.#stopping || this.#over) return
        this.#flushWanted = false
        this.#requestFlush(this.#lag() > CATCHING_UP_BYTES)
      },
      (error: unknown) => {
        this.#flushing = undefined
        this.#fail(error)
      },
    )
  }

  async #flushAndReport(): Promise<void> {
    // One flush may be followed at once by another that was asked for meanwhile.
    while (this.#flushing) await this.#flushing
    if (this.#options.reportFlush && this.#writer.dirty) await this.#writer.flush(false)
    if (!this.#stopping) this.sendStatus(false)
  }

  async #stopAfterWrite(): Promise<void> {
    await this.#busy?.catch(() => undefined)
    await this.#finishStop()
  }

  async #finishStop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopTimer = setTimeout(() => void this.#options.connection.close(), STOP_TIMEOUT_MS)
    await this.#flushing
    await this.#writer.close()
    this.sendStatus(false)
    this.#end()
    this.#options.connection.sendCopyDone()
  }

  #tick(): void {
    const now = this.#now()
    this.#noteTimes(now)
    const { statusIntervalMs, serverTimeoutMs } = this.#options
    const quietMs = now - this.#lastStatusMs
    const waiting = this.#busy !== undefined || this.#flushing !== undefined
    if (
      (statusIntervalMs > 0 && quietMs >= statusIntervalMs) ||
      (waiting && serverTimeoutMs > 0 && quietMs >= serverTimeoutMs / 3)
    ) {
      this.sendStatus(false)
      // Known exactly, and not to be noted a tick later: the next one would be late by a tick.
      this.#lastStatusMs = now
      this.#statusSent = false
    }
    if (this.#options.flush === 'batch' && !waiting && this.#writer.dirty) this.#requestFlush(true)
    const silenceMs = now - this.#lastReceivedMs
    const limitMs = serverTimeoutMs > 0 ? serverTimeoutMs : DEFAULT_SILENCE_MS
    if (silenceMs >= limitMs) {
      this.#fail(
        new WalrError(
          'WALR_CONNECTION_LOST',
          `nothing received from the server for ${Math.round(silenceMs / 1000)} s`,
          {
            detail: 'It did not answer a request for a reply either.',
          },
        ),
      )
    } else if (silenceMs >= limitMs / 2 && !this.#pinged) {
      this.#pinged = true
      this.sendStatus(true)
    }
  }

  #noteTimes(now: number): void {
    if (this.#statusSent) this.#lastStatusMs = now
    this.#statusSent = false
    // While the socket is not read, silence means nothing.
    if (!this.#received && !this.#busy) return
    this.#received = false
    this.#pinged = false
    this.#lastReceivedMs = now
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new WalrError('WALR_INTERNAL', String(error))
    this.#end()
    void this.#options.connection.close()
  }

  #end(): void {
    this.#over = true
    clearInterval(this.#timer)
  }
}
