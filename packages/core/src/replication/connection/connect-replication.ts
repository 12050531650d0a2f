import type { ConnectionSettings } from '../../config/libpq/connection-settings.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { HostRound } from './host-round.ts'
import type { ReplicationConnection } from './replication-connection.ts'

/** What a connection needs beside its settings. */
export interface ConnectOptions {
  readonly logger: Logger
  /** Ends the attempt, and later the connection, at once; whatever is pending rejects with its reason. */
  readonly signal: AbortSignal
  /** Connect to this database to run SQL with `query`, instead of for physical replication. */
  readonly sqlDatabase?: string | undefined
  /** Asks the user; called at most once, and only when the settings allow it. */
  readonly askPassword: (prompt: string) => Promise<string>
  /** A password that was asked for earlier: it goes before those of the settings, and nothing is asked. */
  readonly password?: string | undefined
  /** Told the password that was asked for, so that a reconnect need not ask again. */
  readonly onPassword?: ((password: string) => void) | undefined
}

/**
 * Logs in to the first server of the settings that takes us and has the wanted role.
 * @throws WalrError WALR_CONNECT_FAILED, WALR_TLS_FAILED, WALR_AUTHENTICATION_FAILED, WALR_UNSUPPORTED_SERVER,
 * WALR_PROTOCOL; the message has one line for each attempt. The reason of `signal` when that is aborted.
 */
export async function connectReplication(
  settings: ConnectionSettings,
  options: ConnectOptions,
): Promise<ReplicationConnection> {
  const password = options.password ?? (settings.prompt === 'always' ? await ask(options) : undefined)
  const round = new HostRound(settings, options, password)
  try {
    return await round.connect()
  } catch (error) {
    if (!round.passwordMissing || settings.prompt === 'never' || password !== undefined) throw error
  }
  // A server does not wait long for a login, so the user is asked while no connection is open.
  return new HostRound(settings, options, await ask(options)).connect()
}

async function ask(options: ConnectOptions): Promise<string> {
  const password = await options.askPassword('Password: ')
  options.onPassword?.(password)
  return password
}
