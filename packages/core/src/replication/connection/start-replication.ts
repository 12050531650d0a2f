import { serialize } from 'pg-protocol'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import { formatLsn, parseLsn } from '../../wal/lsn.ts'
import { toTimelineId } from '../../wal/timeline-id.ts'
import type { CopySink, EndOfStream, StartReplication } from './replication-connection.ts'
import { isFatal, serverError } from './server-error.ts'
import { decodeDataRow, decodeServerReport, SERVER_MESSAGE, type ServerReport } from './server-message.ts'
import type { ServerSession } from './server-session.ts'
import { commandError, unexpectedMessage } from './simple-query.ts'

/** What the connection does at the turns of a stream. */
export interface StreamEvents {
  readonly sink: CopySink
  /** CopyBothResponse has come: data may be sent. */
  onStreaming(): void
  /** The server has ended its side and the sink has dealt with it: ours is to be ended, unless it is already. */
  onServerDone(): void
  /** The stream is over, whichever way. */
  onEnd(): void
}

/** The command, with the slot's name quoted. */
export function startReplicationCommand({ slot, startLsn, timelineId }: StartReplication): string {
  const slotClause = slot === undefined ? '' : `SLOT "${slot.replaceAll('"', '""')}" `
  return `START_REPLICATION ${slotClause}PHYSICAL ${formatLsn(startLsn)} TIMELINE ${timelineId}`
}

/**
 * Runs START_REPLICATION from the command to ReadyForQuery (manual, "Streaming Replication Protocol").
 * @throws WalrError WALR_REPLICATION_COMMAND, WALR_CONNECTION_LOST, WALR_PROTOCOL; whatever the sink throws.
 */
export async function runStartReplication(
  session: ServerSession,
  request: StartReplication,
  events: StreamEvents,
): Promise<EndOfStream> {
  session.expectStream(events.sink, () => events.onStreaming())
  try {
    session.send(serialize.query(startReplicationCommand(request)))
    return await new StreamEnd(session, events).wait()
  } finally {
    session.endStream()
    events.onEnd()
  }
}

/** Follows the messages around the stream's data. */
class StreamEnd {
  readonly #session: ServerSession
  readonly #events: StreamEvents
  #streaming = false
  #serverDone = false
  #completed = false
  #report: ServerReport | undefined
  #next: EndOfStream = { nextTimelineId: undefined, nextTimelineStartLsn: undefined }

  constructor(session: ServerSession, events: StreamEvents) {
    this.#session = session
    this.#events = events
  }

  async wait(): Promise<EndOfStream> {
    for (;;) {
      const { type, body } = await this.#message()
      switch (type) {
        case SERVER_MESSAGE.copyBothResponse:
          this.#streaming = true
          break
        case SERVER_MESSAGE.copyDone:
          this.#serverDone = true
          this.#events.onServerDone()
          break
        case SERVER_MESSAGE.errorResponse:
          this.#report = decodeServerReport(body)
          break
        case SERVER_MESSAGE.dataRow:
          this.#next = nextTimeline(decodeDataRow(body))
          break
        case SERVER_MESSAGE.commandComplete:
          this.#completed = true
          break
        case SERVER_MESSAGE.rowDescription:
          break
        case SERVER_MESSAGE.readyForQuery:
          if (this.#report) throw this.#serverError(this.#report)
          return this.#next
        default:
          throw unexpectedMessage(this.#session, type)
      }
    }
  }

  async #message(): ReturnType<ServerSession['next']> {
    try {
      return await this.#session.next()
    } catch (cause) {
      if (this.#report) throw this.#serverError(this.#report)
      if (!isWalrError(cause, 'WALR_CONNECTION_LOST')) throw cause
      if (this.#streaming && this.#completed && !this.#serverDone) throw shutDown(cause)
      const { hint, detail } = cause
      const message = `could not receive data from WAL stream: ${cause.message}`
      throw new WalrError('WALR_CONNECTION_LOST', message, { hint, detail, cause })
    }
  }

  #serverError(report: ServerReport): WalrError {
    if (!this.#streaming) return commandError('START_REPLICATION', report)
    const code = isFatal(report) ? 'WALR_CONNECTION_LOST' : 'WALR_REPLICATION_COMMAND'
    return serverError(code, 'unexpected termination of replication stream: ', report)
  }
}

function shutDown(cause: unknown): WalrError {
  return new WalrError('WALR_CONNECTION_LOST', 'replication stream was terminated before stop point', {
    detail: 'The server was shut down.',
    cause,
  })
}

/** next_tli and next_tli_startpos. */
function nextTimeline(row: readonly (string | null)[]): EndOfStream {
  const [timeline, position] = row.map((column) => column ?? '')
  const timelineNumber = /^\d{1,10}$/.test(timeline ?? '') ? Number(timeline) : 0
  const nextTimelineStartLsn = parseLsn(position ?? '')
  if (timelineNumber < 1 || timelineNumber > 0xffff_ffff || nextTimelineStartLsn === undefined) {
    throw new WalrError('WALR_PROTOCOL', `unexpected result set after end-of-timeline: ${JSON.stringify(row)}`)
  }
  return { nextTimelineId: toTimelineId(timelineNumber), nextTimelineStartLsn }
}
