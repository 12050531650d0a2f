import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isWalrError } from '../errors/walr-error.ts'
import type { ServeAddress } from './serve-address.ts'
import { connectionFailure, ServeSilence, ServeTrickle } from './serve-failure.ts'

/** How to talk to a `walr serve`. */
export interface ServeAccess {
  readonly address: ServeAddress
  readonly token?: string | undefined
  /** PEM. Without `ca` the certificates that Node knows. */
  readonly ca?: Buffer | undefined
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
  /** Nothing heard for so long is a lost connection. */
  readonly silenceMs: number
  /** A body that needs longer than this for {@link LEAST_BYTES} is a lost connection as well. */
  readonly trickleMs: number
}

/** 2 KiB/s with the usual 30 s. */
const LEAST_BYTES = 65_536

/**
 * Asks a `walr serve`, over connections that are kept. Agents of its own: proxies of the environment are for the web, not
 * for a recovery.
 */
export class ServeClient {
  readonly #access: ServeAccess
  readonly #agent: HttpAgent

  constructor(access: ServeAccess) {
    const { address, ca, cert, key } = access
    this.#access = access
    this.#agent = address.secure
      ? new HttpsAgent({ keepAlive: true, ca, cert, key, minVersion: 'TLSv1.2' })
      : new HttpAgent({ keepAlive: true })
  }

  /**
   * @param path with its query, behind the address's own path.
   * @returns the response; its body has to be read to its end or destroyed.
   * @throws WalrError WALR_SERVE_UNAVAILABLE, WALR_SERVE_REFUSED; the reason of `signal`.
   */
  async get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#exchange(path, signal)
      if (!('failure' in outcome)) return outcome
      signal.throwIfAborted()
      // The other side may close a kept connection in the moment in which it is used again.
      if (outcome.reused && attempt === 1) continue
      throw connectionFailure(this.#access.address.text, outcome.failure)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #exchange(path: string, signal: AbortSignal): Promise<IncomingMessage | { failure: unknown; reused: boolean }> {
    const { address, token, silenceMs } = this.#access
    const options: RequestOptions = {
      agent: this.#agent,
      host: address.host,
      port: address.port,
      path: `${address.basePath}${path}`,
      headers: {
        accept: '*/*',
        'accept-encoding': 'identity',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      signal,
    }
    return new Promise((resolve) => {
      const request = this.#request(options)
      if (request instanceof Error) {
        resolve({ failure: request, reused: false })
        return
      }
      const silence = setTimeout(() => request.destroy(new ServeSilence(silenceMs)), silenceMs)
      const fail = (failure: unknown): void => {
        clearTimeout(silence)
        resolve({ failure, reused: request.reusedSocket && !(failure instanceof ServeSilence) })
      }
      request.on('response', (response) => {
        clearTimeout(silence)
        resolve(response)
      })
      // It stays: an error behind the response comes out of that as well.
      request.on('error', fail)
      request.on('close', () => fail(new Error('the connection was closed')))
      request.end()
    })
  }

  /** Certificates that are none are noticed when the first connection is made. */
  #request(options: RequestOptions): ClientRequest | Error {
    try {
      return this.#access.address.secure ? httpsRequest(options) : httpRequest(options)
    } catch (error) {
      if (error instanceof Error) return error
      throw error
    }
  }
}

/**
 * The bytes of a response, exactly as many as it announced.
 * @throws WalrError WALR_SERVE_UNAVAILABLE when it ends early, falls silent or trickles; the reason of `signal`.
 */
export async function* responseBytes(
  response: IncomingMessage,
  { address, silenceMs, trickleMs }: Pick<ServeAccess, 'address' | 'silenceMs' | 'trickleMs'>,
  length: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const abort = (): void => void response.destroy()
  signal.addEventListener('abort', abort, { once: true })
  let received = 0
  // What has come since the last LEAST_BYTES were complete, and how long it was waited for.
  let counted = 0
  let waitedMs = 0
  try {
    signal.throwIfAborted()
    const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    for (;;) {
      // Only waiting for the other side counts; the reader here may take its time.
      const silence = setTimeout(() => response.destroy(new ServeSilence(silenceMs)), silenceMs)
      const trickle = setTimeout(
        () => response.destroy(new ServeTrickle(counted, trickleMs)),
        Math.max(0, trickleMs - waitedMs),
      )
      const since = performance.now()
      const next = await chunks.next().finally(() => {
        clearTimeout(silence)
        clearTimeout(trickle)
      })
      if (next.done === true) break
      received += next.value.length
      counted += next.value.length
      waitedMs += performance.now() - since
      if (counted >= LEAST_BYTES) counted = waitedMs = 0
      yield next.value
    }
    if (received !== length) throw new Error('the connection was closed')
  } catch (error) {
    signal.throwIfAborted()
    throw isWalrError(error) ? error : connectionFailure(address.text, error, { received, length })
  } finally {
    signal.removeEventListener('abort', abort)
    if (!response.complete || received !== length) response.destroy()
  }
}
