import type { PluginLogger } from '@walr/core/plugin'
import { sftpStorageError } from './error-map.ts'
import type { SftpSession } from './sftp-session.ts'

/** How long an operation that was aborted may use its connection to tidy up; then the connection is cut. */
const TIDYING_MS = 1000

/** The right to use a connection. */
export interface Lease {
  readonly session: SftpSession
  /** To be called once, when nothing of the operation is under way any more. */
  readonly release: () => void
}

/** What a pool needs. */
export interface PoolSettings {
  /** Opens a connection; rejects with the signal's reason when that is aborted. */
  readonly open: (signal: AbortSignal) => Promise<SftpSession>
  readonly maxConnections: number
  readonly idleTimeoutMs: number
  readonly log: PluginLogger
}

interface Member {
  readonly session: SftpSession
  users: number
  onUnused: () => void
  idleTimer: NodeJS.Timeout | undefined
}

/**
 * Connections that operations share: as many as there are operations, up to the limit; then the least used one takes the
 * next operation. Those without work are closed after a while, and those that broke are forgotten.
 */
export class ConnectionPool {
  readonly #settings: PoolSettings
  readonly #members = new Set<Member>()
  /** What became of each: the error, or undefined when it is open or nobody wants it any more. */
  readonly #opening = new Set<Promise<Error | undefined>>()
  #closed = false

  constructor(settings: PoolSettings) {
    this.#settings = settings
  }

  /**
   * Lends a connection for an operation with `signal`. After an abort the operation may use it for a moment to tidy up; what
   * is under way then is cut with the connection, be it shared or not.
   */
  async lease(signal: AbortSignal): Promise<Lease> {
    const member = await this.#take(signal)
    const { session } = member
    let timer: NodeJS.Timeout | undefined
    const onAbort = (): void => {
      timer = setTimeout(() => {
        session.cut(Object.assign(new Error('an aborted operation got no answer'), { code: 'ECONNABORTED' }))
      }, TIDYING_MS)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    let isReleased = false
    const release = (): void => {
      if (isReleased) return
      isReleased = true
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      this.#giveBack(member)
    }
    return { session, release }
  }

  /** Lends a connection to `work` for as long as that takes. */
  async use<T>(signal: AbortSignal, work: (session: SftpSession) => Promise<T>): Promise<T> {
    const { session, release } = await this.lease(signal)
    try {
      signal.throwIfAborted()
      return await work(session)
    } finally {
      release()
    }
  }

  /** Closes all connections. Operations that were aborted get a moment to tidy up. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#opening)
    await Promise.all([...this.#members].map((member) => this.#closeUnused(member)))
  }

  async #closeUnused(member: Member): Promise<void> {
    const { promise: unused, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, TIDYING_MS)
    member.onUnused = resolve
    if (member.users > 0) await Promise.race([unused, member.session.ended])
    clearTimeout(timer)
    await this.#retire(member)
  }

  async #take(signal: AbortSignal): Promise<Member> {
    for (;;) {
      signal.throwIfAborted()
      const member = this.#leastUsed()
      const isFull = this.#members.size + this.#opening.size >= this.#settings.maxConnections
      if (member && (member.users === 0 || isFull)) return this.#begin(member)
      if (!isFull) return this.#begin(await this.#openOrShare(signal))
      await this.#untilOneOpened(signal)
    }
  }

  #leastUsed(): Member | undefined {
    const [first] = [...this.#members].sort((a, b) => a.users - b.users)
    return first
  }

  /** A server may allow fewer connections than the options: then those there are have to do. */
  async #openOrShare(signal: AbortSignal): Promise<Member> {
    const opening = this.#open(signal)
    const outcome = opening.then(
      () => undefined,
      (error: unknown) => (signal.aborted ? undefined : sftpStorageError(error, 'could not connect')),
    )
    this.#opening.add(outcome)
    try {
      return await opening
    } catch (error) {
      const member = this.#leastUsed()
      signal.throwIfAborted()
      const fault = sftpStorageError(error, 'could not open another connection')
      if (!member || fault.code !== 'Transient') throw error
      this.#settings.log.debug(`${fault.message}; ${this.#members.size} do the work`)
      return member
    } finally {
      this.#opening.delete(outcome)
    }
  }

  async #open(signal: AbortSignal): Promise<Member> {
    const session = await this.#settings.open(signal)
    const member: Member = { session, users: 0, onUnused: () => undefined, idleTimer: undefined }
    this.#members.add(member)
    session.ended.then(
      () => {
        clearTimeout(member.idleTimer)
        this.#members.delete(member)
      },
      () => undefined,
    )
    return member
  }

  /** Another operation's failure to connect is that of all who wait for it. */
  async #untilOneOpened(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<undefined>()
    const onAbort = (): void => {
      aborted.resolve(undefined)
    }
    signal.addEventListener('abort', onAbort)
    const failure = await Promise.race([...this.#opening, aborted.promise])
    signal.removeEventListener('abort', onAbort)
    if (failure) throw failure
  }

  #begin(member: Member): Member {
    clearTimeout(member.idleTimer)
    member.users += 1
    return member
  }

  #giveBack(member: Member): void {
    member.users -= 1
    if (member.users === 0) member.onUnused()
    if (member.users > 0 || !member.session.isOpen || this.#closed) return
    member.idleTimer = setTimeout(() => {
      this.#retire(member).catch(() => undefined)
    }, this.#settings.idleTimeoutMs)
    member.idleTimer.unref()
  }

  async #retire(member: Member): Promise<void> {
    this.#members.delete(member)
    clearTimeout(member.idleTimer)
    await member.session.close()
  }
}
