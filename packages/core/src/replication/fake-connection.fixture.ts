import { WalrError } from '../errors/walr-error.ts'
import { formatLsn, toLsn, type Lsn } from '../wal/lsn.ts'
import { SEGMENT, walBytes } from '../wal/wal-bytes.fixture.ts'
import type {
  CopySink,
  EndOfStream,
  ReplicationConnection,
  StartReplication,
} from './connection/replication-connection.ts'

/** A standby status update, with positions as PostgreSQL prints them; `-` for none. */
export interface SentStatus {
  readonly written: string
  readonly flushed: string
  readonly replyRequested: boolean
}

export type Rows = readonly (readonly (string | null)[])[]
/** What the fake server does once it has been asked to stream. */
export type StreamScript = (sink: CopySink, request: StartReplication, fake: FakeConnection) => Promise<EndOfStream>

/** More than a seam is long. */
const SEAM = 32_768
export const END_OF_STREAM: EndOfStream = { nextTimelineId: undefined, nextTimelineStartLsn: undefined }

/** A connection without a socket: answers from a table, streams from a script, and keeps what is sent. */
export class FakeConnection implements ReplicationConnection {
  serverVersionNumber = 150_018
  readonly serverVersion = '15.18'
  readonly peer = 'fake server'
  readonly queries: string[] = []
  readonly requests: StartReplication[] = []
  /** Requests for the bytes of a seam, which are answered by `seam`. */
  readonly seamRequests: StartReplication[] = []
  /** What the server has where walr's files end. */
  seam: (lsn: Lsn, length: number) => Uint8Array | Error = walBytes
  readonly statuses: SentStatus[] = []
  copyDones = 0
  closed = 0
  #inSeam = false
  readonly #answers: Readonly<Record<string, Rows | Error>>
  readonly #scripts: StreamScript[]
  readonly #gone = Promise.withResolvers<never>()
  readonly #copyDone = Promise.withResolvers<undefined>()

  constructor(answers: Readonly<Record<string, Rows | Error>> = {}, ...scripts: StreamScript[]) {
    this.#answers = answers
    this.#scripts = scripts
    this.#gone.promise.catch(() => undefined)
  }

  /** Resolves when CopyDone has been sent to the server. */
  get copyDone(): Promise<undefined> {
    return this.#copyDone.promise
  }

  query(sql: string): Promise<Rows> {
    this.queries.push(sql)
    const answer = this.#answers[sql]
    if (answer instanceof Error) return Promise.reject(answer)
    if (!answer) return Promise.reject(new Error(`the fake server has no answer to ${sql}`))
    return Promise.resolve(answer)
  }

  startReplication(request: StartReplication, sink: CopySink): Promise<EndOfStream> {
    // A stream begins with a segment.
    if (request.startLsn % BigInt(SEGMENT) !== 0n) return this.#answerSeam(request, sink)
    this.requests.push(request)
    const script = this.#scripts.shift() ?? (() => Promise.reject(new Error('the fake server has no stream left')))
    return Promise.race([script(sink, request, this), this.#gone.promise])
  }

  async #answerSeam(request: StartReplication, sink: CopySink): Promise<EndOfStream> {
    this.seamRequests.push(request)
    const bytes = this.seam(request.startLsn, SEAM)
    if (bytes instanceof Error) throw bytes
    this.#inSeam = true
    sink.onStart()
    sink.onWalHeader(high(request.startLsn), low(request.startLsn), 0, 0, bytes.length)
    await sink.onWalData(Buffer.from(bytes), 0, bytes.length, true)
    await sink.onReadEnd(true)
    if (this.#endSeam()) await sink.onCopyDone()
    return END_OF_STREAM
  }

  /** False when the client has had enough before. */
  #endSeam(): boolean {
    const was = this.#inSeam
    this.#inSeam = false
    return was
  }

  sendCopyData(payload: Uint8Array): void {
    const bytes = Buffer.from(payload)
    const position = (at: number): string =>
      bytes.readBigUInt64BE(at) === 0n ? '-' : formatLsn(toLsn(bytes.readBigUInt64BE(at)))
    this.statuses.push({ written: position(1), flushed: position(9), replyRequested: bytes[33] === 1 })
  }

  sendCopyDone(): void {
    if (this.#endSeam()) return
    this.copyDones += 1
    this.#copyDone.resolve(undefined)
  }

  close(): Promise<void> {
    this.closed += 1
    this.#gone.reject(new WalrError('WALR_CONNECTION_LOST', 'the connection was closed'))
    return Promise.resolve()
  }
}

/** The error of a server, with its SQLSTATE. */
export function serverError(sqlState: string, message: string): WalrError {
  return new WalrError('WALR_REPLICATION_COMMAND', message, { sqlState })
}

/** Sends one XLogData message with the WAL that belongs there. `walEnd`: where the server's own WAL ends. */
export function sendWal(
  sink: CopySink,
  start: Lsn,
  length: number,
  walEnd: bigint = start + BigInt(length),
): void | Promise<void> {
  sink.onWalHeader(high(start), low(start), high(walEnd), low(walEnd), length)
  return sink.onWalData(Buffer.from(walBytes(start, length)), 0, length, true)
}

function high(lsn: bigint): number {
  return Number(lsn >> 32n)
}

function low(lsn: bigint): number {
  return Number(lsn & 0xffff_ffffn)
}
