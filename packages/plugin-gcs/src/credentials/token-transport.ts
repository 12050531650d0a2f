import type { IncomingHttpHeaders } from 'node:http'
import { gaxios } from 'google-auth-library'
import { parseJson } from '../api-error.ts'
import { exchange, readText, type Agents } from '../http-exchange.ts'

/** An answer that gave no token. */
export interface Refusal {
  readonly origin: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly json: unknown
}

/**
 * The way of google-auth-library to its servers: over connections that are watched, once, and until the signal is aborted.
 * Remembers how the last request failed, since the library's errors say less and carry what was sent.
 */
export class TokenTransport extends gaxios.Gaxios {
  readonly #agents: Agents
  readonly #signal: AbortSignal
  lastRefusal: Refusal | undefined
  lastFailure: { readonly origin: string; readonly error: unknown } | undefined

  constructor(agents: Agents, signal: AbortSignal) {
    super()
    this.#agents = agents
    this.#signal = signal
  }

  override request<T>(options: gaxios.GaxiosOptions = {}): gaxios.GaxiosPromise<T> {
    const once = { retry: false, retryConfig: { retry: 0, noResponseRetries: 0 } }
    return super.request<T>({ ...options, ...once, signal: this.#signal, fetchImplementation: this.#fetch })
  }

  readonly #fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input)
    this.lastFailure = undefined
    this.lastRefusal = undefined
    try {
      const answer = await exchange(this.#agents, {
        method: init.method ?? 'GET',
        url,
        headers: Object.fromEntries(new Headers(init.headers)),
        body: bodyOf(init.body),
        signal: this.#signal,
      })
      const text = await readText(answer)
      const { status, headers } = answer
      if (status >= 400) this.lastRefusal = { origin: url.origin, status, headers, json: parseJson(text) }
      const type = headers['content-type'] ?? 'application/json'
      return new Response(status === 204 ? null : text, { status, headers: { 'content-type': type } })
    } catch (error) {
      this.lastFailure = { origin: url.origin, error }
      throw error
    }
  }
}

/** The library sends text and forms only. */
function bodyOf(body: unknown): readonly Uint8Array[] {
  if (body === undefined || body === null) return []
  if (typeof body === 'string') return [Buffer.from(body)]
  if (body instanceof URLSearchParams) return [Buffer.from(body.toString())]
  throw new TypeError('google-auth-library sent something else than text or a form')
}
