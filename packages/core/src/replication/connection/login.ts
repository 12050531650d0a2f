import { WalrError } from '../../errors/walr-error.ts'
import type { ConnectionSettings } from '../../config/libpq/connection-settings.ts'
import { Authentication, type Credentials } from './authentication.ts'
import { loginErrorCode, serverError } from './server-error.ts'
import { decodeAuthentication, decodeServerReport, SERVER_MESSAGE } from './server-message.ts'
import type { ServerSession } from './server-session.ts'
import { startupMessage } from './startup-message.ts'
import { unexpectedMessage } from './simple-query.ts'

/** What of the settings goes into the start-up and the checks of the authentication. */
export type LoginSettings = Pick<
  ConnectionSettings,
  'user' | 'applicationName' | 'serverOptions' | 'clientEncoding' | 'channelBinding' | 'requireAuth'
> & {
  /** Connect to this database for SQL, instead of for physical replication. */
  readonly sqlDatabase?: string | undefined
}

/**
 * Starts a physical replication session (or one for SQL) and authenticates; the server is ready for a command afterwards.
 * @throws WalrError WALR_AUTHENTICATION_FAILED, WALR_CONNECT_FAILED with the server's SQLSTATE, WALR_PROTOCOL.
 */
export async function login(session: ServerSession, settings: LoginSettings, credentials: Credentials): Promise<void> {
  session.send(
    startupMessage({
      user: settings.user,
      database: settings.sqlDatabase ?? 'replication',
      replication: settings.sqlDatabase === undefined ? 'true' : undefined,
      application_name: settings.applicationName,
      options: settings.serverOptions,
      client_encoding: settings.clientEncoding,
    }),
  )
  const authentication = new Authentication(credentials, settings)
  let authenticated = false
  for (;;) {
    const { type, body } = await session.next()
    switch (type) {
      case SERVER_MESSAGE.authentication: {
        if (authenticated) throw unexpectedMessage(session, type)
        const { request, data } = decodeAuthentication(body)
        const answer = await authentication.answer(request, data)
        if (answer) session.send(answer)
        authenticated = request === 0
        break
      }
      case SERVER_MESSAGE.errorResponse: {
        const report = decodeServerReport(body)
        throw serverError(loginErrorCode(report.sqlState), '', report)
      }
      case SERVER_MESSAGE.negotiateProtocolVersion:
        throw new WalrError('WALR_UNSUPPORTED_SERVER', 'the server does not support protocol version 3.0')
      case SERVER_MESSAGE.readyForQuery:
        if (!authenticated) throw unexpectedMessage(session, type)
        return
      default:
        throw unexpectedMessage(session, type)
    }
  }
}
