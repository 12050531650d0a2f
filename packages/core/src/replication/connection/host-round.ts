import type { ConnectionSettings, HostSettings } from '../../config/libpq/connection-settings.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { attemptConnection, type Established } from './connection-attempt.ts'
import type { ReplicationConnection } from './replication-connection.ts'
import { findPlaces, type ServerPlace } from './server-place.ts'
import { sessionMismatch } from './session-attributes.ts'

const CANNOT_CONNECT_NOW = '57P03'

/** What of the caller's options every attempt needs. */
export interface RoundContext {
  readonly logger: Logger
  readonly signal: AbortSignal
  readonly sqlDatabase?: string | undefined
}

/** One go through all hosts, in order, as libpq does it. */
export class HostRound {
  readonly #settings: ConnectionSettings
  readonly #context: RoundContext
  readonly #password: string | undefined
  readonly #failures: WalrError[] = []
  #passwordMissing = false

  /** `password` goes before those of the hosts. */
  constructor(settings: ConnectionSettings, context: RoundContext, password: string | undefined) {
    this.#settings = settings
    this.#context = context
    this.#password = password
  }

  /** Whether a server wanted a password when there was none. */
  get passwordMissing(): boolean {
    return this.#passwordMissing
  }

  /** @throws WalrError with a line for each attempt, or the signal's reason. */
  async connect(): Promise<ReplicationConnection> {
    const wanted = this.#settings.targetSessionAttrs
    const connection =
      wanted === 'prefer-standby'
        ? ((await this.#tryHosts('standby')) ?? (await this.#tryHosts('any')))
        : await this.#tryHosts(wanted)
    if (!connection) throw this.#allFailed()
    return connection
  }

  async #tryHosts(wanted: ConnectionSettings['targetSessionAttrs']): Promise<ReplicationConnection | undefined> {
    for (const host of this.#settings.hosts) {
      for (const place of await this.#placesOf(host)) {
        const outcome = await this.#tryPlace(place, wanted)
        if (outcome === 'next host') break
        if (outcome !== 'next address') return outcome
      }
    }
    return undefined
  }

  async #placesOf(host: HostSettings): Promise<readonly ServerPlace[]> {
    try {
      return await findPlaces(host, this.#settings.loadBalanceHosts)
    } catch (error) {
      this.#note(error)
      return []
    }
  }

  async #tryPlace(
    place: ServerPlace,
    wanted: ConnectionSettings['targetSessionAttrs'],
  ): Promise<ReplicationConnection | 'next address' | 'next host'> {
    let established: Established
    try {
      established = await attemptConnection(place, {
        logger: this.#context.logger,
        signal: this.#context.signal,
        sqlDatabase: this.#context.sqlDatabase,
        settings: this.#settings,
        password: () => this.#passwordFor(place.host),
        passwordSource: this.#password === undefined ? place.host.passwordSource : undefined,
      })
    } catch (error) {
      return this.#afterFailure(this.#note(error))
    }
    const mismatch = await findMismatch(established, wanted)
    if (mismatch === undefined) return established.connection
    await established.connection.close()
    this.#note(new WalrError('WALR_CONNECT_FAILED', place.failurePrefix + mismatch))
    return 'next host'
  }

  /** A server that answered and refused ends it all; one that is starting or shutting down leaves the other hosts. */
  #afterFailure(failure: WalrError): 'next address' | 'next host' {
    if (failure.sqlState === CANNOT_CONNECT_NOW) return 'next host'
    if (failure.code === 'WALR_CONNECT_FAILED' && failure.sqlState === undefined) return 'next address'
    throw this.#allFailed()
  }

  #passwordFor(host: HostSettings): string {
    const password = this.#password ?? host.password
    if (password !== undefined && password !== '') return password
    this.#passwordMissing = true
    throw new WalrError('WALR_AUTHENTICATION_FAILED', 'fe_sendauth: no password supplied', {
      detail: this.#settings.passwordFileWarning,
      hint: 'Put the password into a .pgpass file, or into PGPASSWORD.',
    })
  }

  /** Keeps the failure for the report; what is no failure of ours to report, such as an abort, passes through. */
  #note(error: unknown): WalrError {
    if (!isWalrError(error)) throw error
    this.#failures.push(error)
    return error
  }

  #allFailed(): WalrError {
    const last = this.#failures.at(-1)
    if (!last) return new WalrError('WALR_INTERNAL', 'no host to connect to')
    const lines = [...new Set(this.#failures.map(({ message }) => message))]
    if (lines.length === 1) return last
    const { code, hint, detail, sqlState } = last
    const cause = new AggregateError(this.#failures)
    return new WalrError(code, lines.join('\n'), { hint, detail, sqlState, cause })
  }
}

async function findMismatch(
  { connection, attributes }: Established,
  wanted: ConnectionSettings['targetSessionAttrs'],
): Promise<string | undefined> {
  if (wanted === 'any') return undefined
  try {
    return sessionMismatch(wanted, await attributes())
  } catch (error) {
    await connection.close()
    throw error
  }
}
