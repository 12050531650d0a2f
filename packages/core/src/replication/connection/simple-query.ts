import { serialize } from 'pg-protocol'
import { WalrError } from '../../errors/walr-error.ts'
import { isFatal, serverError } from './server-error.ts'
import { decodeDataRow, decodeServerReport, SERVER_MESSAGE, type ServerReport } from './server-message.ts'
import type { ServerSession } from './server-session.ts'

/**
 * Runs one command to its ReadyForQuery and collects the rows.
 * @throws WalrError WALR_REPLICATION_COMMAND for the server's errors (the session stays usable), WALR_CONNECTION_LOST,
 * WALR_PROTOCOL.
 */
export async function runSimpleQuery(
  session: ServerSession,
  sql: string,
): Promise<readonly (readonly (string | null)[])[]> {
  const rows: (readonly (string | null)[])[] = []
  let failed: ServerReport | undefined
  session.send(serialize.query(sql))
  for (;;) {
    const { type, body } = await nextOrFailure(session, sql, failed)
    switch (type) {
      case SERVER_MESSAGE.dataRow:
        rows.push(decodeDataRow(body))
        break
      case SERVER_MESSAGE.errorResponse:
        failed = decodeServerReport(body)
        break
      case SERVER_MESSAGE.readyForQuery:
        if (failed) throw commandError(sql, failed)
        return rows
      case SERVER_MESSAGE.rowDescription:
      case SERVER_MESSAGE.commandComplete:
      case SERVER_MESSAGE.emptyQueryResponse:
        break
      default:
        throw unexpectedMessage(session, type)
    }
  }
}

/** The error of a command that the server refused; one after which it hangs up is the end of the connection. */
export function commandError(command: string, report: ServerReport): WalrError {
  const code = isFatal(report) ? 'WALR_CONNECTION_LOST' : 'WALR_REPLICATION_COMMAND'
  return serverError(code, `could not send replication command "${command}": `, report)
}

/** A message that has no place here ends the connection. */
export function unexpectedMessage(session: ServerSession, type: number): WalrError {
  const error = new WalrError(
    'WALR_PROTOCOL',
    `unexpected message ${JSON.stringify(String.fromCharCode(type))} from the server`,
  )
  session.destroy(error)
  return error
}

/** What the server said before it hung up tells more than that it did. */
async function nextOrFailure(session: ServerSession, sql: string, failed: ServerReport | undefined) {
  try {
    return await session.next()
  } catch (cause) {
    if (failed) throw commandError(sql, failed)
    throw cause
  }
}
