import type { ConnectionSettings, TlsSettings } from '../../config/libpq/connection-settings.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { ByteTransport } from './byte-transport.ts'
import { login } from './login.ts'
import { networkErrorText, systemErrorCode } from './network-error.ts'
import { PhysicalReplicationConnection } from './physical-replication-connection.ts'
import type { ReplicationConnection } from './replication-connection.ts'
import { checkServer } from './server-identity.ts'
import type { ServerPlace } from './server-place.ts'
import { ServerSession } from './server-session.ts'
import { findSessionAttributes, type SessionAttributes } from './session-attributes.ts'
import { negotiateTls, tlsErrorText } from './tls-negotiation.ts'

/** What an attempt needs beside the place. */
export interface AttemptContext {
  readonly settings: ConnectionSettings
  /** For SQL in this database; undefined for physical replication. */
  readonly sqlDatabase: string | undefined
  readonly logger: Logger
  /** Ends the connection, during the attempt and later. */
  readonly signal: AbortSignal
  /** The password for the host that is tried. @throws when there is none. */
  password(): string
  /** Where that password was found; undefined when it was asked for. */
  readonly passwordSource: string | undefined
}

/** A connection that is logged in. */
export interface Established {
  readonly connection: ReplicationConnection
  /** Only asked for when target_session_attrs wants to know. */
  readonly attributes: () => Promise<SessionAttributes>
}

type Encryption = 'plain' | 'tls'

/**
 * Connects to one address and logs in, with and without TLS as sslmode says.
 * @throws WalrError whose message begins as libpq's: `connection to server at "db", port 5432 failed: `.
 */
export async function attemptConnection(place: ServerPlace, context: AttemptContext): Promise<Established> {
  const [first, second] = encryptionsToTry(place, context.settings.tls)
  try {
    return await connectAndLogIn(place, context, first)
  } catch (error) {
    const failure = describeFailure(place, error, context.passwordSource)
    if (second === undefined || !mayChangeEncryption(failure)) throw failure
    try {
      return await connectAndLogIn(place, context, second)
    } catch (secondError) {
      throw both(failure, describeFailure(place, secondError, context.passwordSource))
    }
  }
}

function encryptionsToTry(place: ServerPlace, { mode }: TlsSettings): readonly [Encryption, Encryption?] {
  if ('path' in place.target || mode === 'disable') return ['plain']
  if (mode === 'allow') return ['plain', 'tls']
  return mode === 'prefer' ? ['tls', 'plain'] : ['tls']
}

/** A server may refuse an encrypted or an unencrypted session only; nothing else is changed by encryption. */
function mayChangeEncryption(error: unknown): boolean {
  return (
    isWalrError(error, 'WALR_TLS_FAILED') ||
    (isWalrError(error, 'WALR_AUTHENTICATION_FAILED') && error.sqlState?.startsWith('28') === true)
  )
}

async function connectAndLogIn(
  place: ServerPlace,
  context: AttemptContext,
  encryption: Encryption,
): Promise<Established> {
  const { settings, logger } = context
  const attempt = new AbortController()
  const timeout = connectTimeout(settings.connectTimeoutMs, attempt)
  const signal = AbortSignal.any([context.signal, attempt.signal])
  try {
    const transport = await ByteTransport.connect(place.target, settings.keepalives, signal)
    try {
      const serverCertificate =
        encryption === 'tls' ? await negotiateTls(transport, settings.tls, place.host.host) : undefined
      const session = new ServerSession(transport, logger)
      const { user } = settings
      await login(
        session,
        { ...settings, sqlDatabase: context.sqlDatabase },
        { user, password: () => context.password(), serverCertificate },
      )
      const identity = { ...checkServer(session.parameters), peer: place.peer }
      const connection = new PhysicalReplicationConnection(session, identity)
      return { connection, attributes: () => findSessionAttributes(session.parameters, connection) }
    } catch (error) {
      transport.destroy(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  } finally {
    clearTimeout(timeout)
  }
}

function connectTimeout(timeoutMs: number, attempt: AbortController): NodeJS.Timeout | undefined {
  if (timeoutMs === 0) return undefined
  return setTimeout(() => attempt.abort(new WalrError('WALR_CONNECT_FAILED', 'timeout expired')), timeoutMs)
}

/** Puts the place before the message, and gives what the system said walr's form. Aborts pass as they are. */
function describeFailure(place: ServerPlace, error: unknown, passwordSource: string | undefined): unknown {
  if (isWalrError(error)) {
    // With TLS 1.3 the server's verdict on our certificate comes after the handshake.
    if (error.code === 'WALR_CONNECTION_LOST' && systemErrorCode(error.cause)?.startsWith('ERR_SSL_') === true) {
      return new WalrError('WALR_TLS_FAILED', place.failurePrefix + tlsErrorText(error.cause), { cause: error })
    }
    const code = error.code === 'WALR_CONNECTION_LOST' ? 'WALR_CONNECT_FAILED' : error.code
    const { hint = passwordHint(error, passwordSource), detail, sqlState } = error
    return new WalrError(code, place.failurePrefix + error.message, { hint, detail, sqlState, cause: error })
  }
  if (systemErrorCode(error) === undefined) return error
  const hint =
    'path' in place.target
      ? 'Is the server running locally and accepting connections on that socket?'
      : 'Is the server running on that host and accepting TCP/IP connections?'
  return new WalrError('WALR_CONNECT_FAILED', place.failurePrefix + networkErrorText(error), { hint, cause: error })
}

function passwordHint({ sqlState }: WalrError, source: string | undefined): string | undefined {
  return sqlState === '28P01' && source !== undefined ? `The password was taken from ${source}.` : undefined
}

function both(first: unknown, second: unknown): unknown {
  if (!isWalrError(first) || !isWalrError(second)) return second
  const { code, hint, detail, sqlState } = second
  return new WalrError(code, `${first.message}\n${second.message}`, { hint, detail, sqlState, cause: second })
}
