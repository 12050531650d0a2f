import { refusalError } from './error-map.ts'
import type { StorageOptions } from './options.ts'

/** One request to the service. */
export interface ServiceRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** Undefined for the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AsyncIterable<Uint8Array> | undefined
  /** A refusal that is an answer to the caller. */
  readonly accepts?: number
  readonly signal: AbortSignal
}

/**
 * Speaks with a made-up service: `PUT`, `GET`, `HEAD` and `DELETE` of `URL/BUCKET/KEY`, and `GET` of `URL/BUCKET` for
 * listings; test/object-server.ts is a fake of it. Put the SDK or the protocol of your service in its place.
 */
export class ServiceClient {
  readonly #options: StorageOptions

  constructor(options: StorageOptions) {
    this.#options = options
  }

  /**
   * Sends a request. The caller reads the answer to its end, or cancels it.
   * @throws StorageError when the service refuses; else what fetch throws.
   */
  async send({ method, key, query = {}, headers, body, accepts, signal }: ServiceRequest): Promise<Response> {
    const { url, bucket, token, prefix } = this.#options
    const path = key === undefined ? [bucket] : [bucket, ...`${prefix}${key}`.split('/')]
    const address = new URL(`${url}/${path.map(encodeURIComponent).join('/')}`)
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(address, {
      ...{ method, signal, headers: { ...headers, ...authorization } },
      ...(body !== undefined && { body, duplex: 'half' as const }),
      redirect: 'error',
    })
    if (response.ok || response.status === accepts) return response
    await response.body?.cancel()
    throw refusalError(response, `${method} "${key ?? bucket}"`)
  }
}
