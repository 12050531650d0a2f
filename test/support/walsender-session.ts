import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises'
import {
  commandComplete,
  copyBothResponse,
  copyDone,
  errorResponse,
  noticeResponse,
  parameterStatus,
  primaryKeepalive,
  readyForQuery,
  resultRow,
  xlogData,
  type ReportFields,
} from './backend-messages.ts'
import type { StatusUpdate } from './frontend-messages.ts'
import { waitFor, type WaitOptions } from './wait-for.ts'

/** How bytes are cut before they are sent. */
export interface Pace {
  /** Bytes a write; everything at once when absent. */
  readonly chunkBytes?: number
  /** Milliseconds between two writes; only a turn of the event loop when absent. */
  readonly delayMs?: number
}

/**
 * One connection to the scripted walsender: what the client has sent so far, and the steps that a script may take. Steps
 * resolve when their bytes have been handed to the socket.
 */
export class WalsenderSession {
  /** Parameters of the StartupMessage. */
  readonly parameters = new Map<string, string>()
  readonly queries: string[] = []
  readonly statuses: StatusUpdate[] = []
  /** How many CopyDone messages the client has sent. */
  copyDoneCount = 0
  /** The end of the WAL that {@link sendWal} has sent. */
  sentLsn = 0n
  /** Whether the client has said goodbye with Terminate. */
  terminated = false
  /** Whether the connection is closed. */
  closed = false
  /** How bytes go out from now on. */
  pace: Pace
  readonly #socket: Socket
  #sending: Promise<void> = Promise.resolve()

  constructor(socket: Socket, pace: Pace) {
    this.#socket = socket
    this.pace = pace
  }

  /** Sends any bytes, valid or not. Several calls keep their order. */
  async raw(...parts: readonly Uint8Array[]): Promise<void> {
    const sending = this.#sending.then(() => this.#write(Buffer.concat(parts)))
    this.#sending = sending.catch(() => undefined)
    await sending
  }

  copyBoth(): Promise<void> {
    return this.raw(copyBothResponse())
  }

  /** XLogData messages of at most `messageBytes`, as a server cuts them (131072 when absent). */
  async sendWal(startLsn: bigint, bytes: Uint8Array, messageBytes = 131_072): Promise<void> {
    for (let at = 0; at < bytes.length; at += messageBytes) {
      await this.raw(xlogData(startLsn + BigInt(at), bytes.subarray(at, at + messageBytes)))
    }
    const endLsn = startLsn + BigInt(bytes.length)
    if (endLsn > this.sentLsn) this.sentLsn = endLsn
  }

  keepalive(walEnd: bigint, { replyRequested = false } = {}): Promise<void> {
    return this.raw(primaryKeepalive(walEnd, replyRequested))
  }

  notice(fields: ReportFields): Promise<void> {
    return this.raw(noticeResponse(fields))
  }

  parameterStatus(name: string, value: string): Promise<void> {
    return this.raw(parameterStatus(name, value))
  }

  /** ErrorResponse and ReadyForQuery, as for an error after CopyBoth or in answer to a command. */
  error(fields: ReportFields): Promise<void> {
    return this.raw(errorResponse(fields), readyForQuery())
  }

  /** ErrorResponse with severity FATAL, then the end of the connection. */
  async fatal(fields: ReportFields): Promise<void> {
    await this.raw(errorResponse({ severity: 'FATAL', ...fields }))
    this.end()
  }

  /** The server's CopyDone: it has nothing more to send on this timeline. */
  copyDone(): Promise<void> {
    return this.raw(copyDone())
  }

  /** What follows both CopyDones at the end of a timeline: the result set with the next one, and two CommandCompletes. */
  nextTimeline(timelineId: number, startLsn: bigint): Promise<void> {
    const lsn = `${(startLsn >> 32n).toString(16)}/${(startLsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
    return this.raw(
      resultRow(['next_tli', 'next_tli_startpos'], [String(timelineId), lsn]),
      commandComplete('SELECT'),
      commandComplete('START_STREAMING'),
      readyForQuery(),
    )
  }

  /** What follows both CopyDones when it was the client who wanted to stop. */
  stopped(): Promise<void> {
    return this.raw(commandComplete('START_STREAMING'), commandComplete('START_REPLICATION'), readyForQuery())
  }

  /** A controlled server shutdown: CommandComplete `COPY 0` and the end of the connection, no CopyDone, no ReadyForQuery. */
  async shutDown(): Promise<void> {
    await this.raw(commandComplete('COPY 0'))
    this.end()
  }

  /** Closes the connection in order (FIN). */
  end(): void {
    this.#socket.end()
  }

  /** Resets the connection (RST). */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  /** Neither reads nor answers from now on, with the connection left open: a peer behind a network that drops everything. */
  playDead(): void {
    this.#socket.pause()
  }

  /** Reads again after {@link playDead}. */
  revive(): void {
    this.#socket.resume()
  }

  /** Resolves to the first status update, from the `from`th on, that satisfies `predicate`. */
  status(
    predicate: (update: StatusUpdate) => boolean,
    options: WaitOptions & { from?: number } = {},
  ): Promise<StatusUpdate> {
    const { from = 0, ...wait } = options
    return waitFor('a status update', () => this.statuses.slice(from).find(predicate), { intervalMs: 2, ...wait })
  }

  /** Resolves when the client has sent its `count`th CopyDone. */
  async clientCopyDone(count = 1, options: WaitOptions = {}): Promise<void> {
    await waitFor('CopyDone of the client', () => this.copyDoneCount >= count, { intervalMs: 2, ...options })
  }

  /** Resolves when the connection is closed. */
  async untilClosed(options: WaitOptions = {}): Promise<void> {
    await waitFor('the connection is closed', () => this.closed, { intervalMs: 2, ...options })
  }

  async #write(bytes: Buffer): Promise<void> {
    const { chunkBytes = Math.max(bytes.length, 1), delayMs } = this.pace
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      if (this.#socket.destroyed) return
      const flushed = this.#socket.write(bytes.subarray(at, at + chunkBytes))
      if (!flushed) await waitFor('the client reads', () => this.#socket.destroyed || !this.#socket.writableNeedDrain)
      if (delayMs !== undefined) await delay(delayMs)
      else if (at + chunkBytes < bytes.length) await nextTurn()
    }
  }
}
