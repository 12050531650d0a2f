import { isStorageError } from '@walr/core/plugin'
import type { AccessToken, TokenSource } from './access-token.ts'

/** How long before its end a token is replaced, and how long before it the old one will do when that fails. */
const RENEW_MS = 240_000
const USABLE_MS = 15_000

interface Fetching {
  readonly token: Promise<AccessToken>
  readonly cancel: AbortController
  waiters: number
}

/** Keeps a token as long as it is good. Requests that need a new one at the same time share it. */
export class TokenCache {
  readonly #source: TokenSource
  readonly #now: () => Date
  #token: AccessToken | undefined
  #fetching: Fetching | undefined

  constructor(source: TokenSource, now: () => Date) {
    this.#source = source
    this.#now = now
  }

  /** A token that is good now. An aborted signal ends the waiting, and the fetching when nobody else waits for it. */
  async get(signal: AbortSignal): Promise<AccessToken> {
    signal.throwIfAborted()
    const known = this.#token
    if (known && this.#isGoodFor(known, RENEW_MS)) return known
    try {
      return await this.#fetch(signal)
    } catch (error) {
      signal.throwIfAborted()
      if (known && known === this.#token && isStorageError(error, 'Transient') && this.#isGoodFor(known, USABLE_MS)) {
        return known
      }
      throw error
    }
  }

  /** To be called when the server does not accept a token, so that the next request gets another one. */
  forget(token: AccessToken): void {
    if (this.#token === token) this.#token = undefined
  }

  #isGoodFor({ expiresAtMs }: AccessToken, timeMs: number): boolean {
    return this.#now().getTime() + timeMs < expiresAtMs
  }

  async #fetch(signal: AbortSignal): Promise<AccessToken> {
    const fetching = (this.#fetching ??= this.#begin())
    const aborted = Promise.withResolvers<never>()
    const onAbort = (): void => {
      aborted.reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    fetching.waiters += 1
    try {
      return await Promise.race([fetching.token, aborted.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
      fetching.waiters -= 1
      if (fetching.waiters === 0) this.#end(fetching)
    }
  }

  #begin(): Fetching {
    const cancel = new AbortController()
    const token = this.#source(cancel.signal)
    token.then(
      (fetched) => {
        this.#token = fetched
      },
      () => undefined,
    )
    return { token, cancel, waiters: 0 }
  }

  #end(fetching: Fetching): void {
    if (this.#fetching === fetching) this.#fetching = undefined
    fetching.cancel.abort()
  }
}
