import { StorageError } from '@walr/core/plugin'
import { ApiError, parseJson } from './api-error.ts'
import type { AccessToken } from './credentials/access-token.ts'
import type { TokenCache } from './credentials/token-cache.ts'
import { exchange, readText, type Agents, type HttpAnswer } from './http-exchange.ts'
import type { GcsOptions } from './options.ts'

/** A request to the JSON API. */
export interface ApiCall {
  readonly method: string
  /** Below the endpoint, encoded, without a query; or the whole URL of an upload under way. */
  readonly target: string | URL
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: readonly Uint8Array[]
  readonly signal: AbortSignal
  /** Statuses that are an answer; 200 and 201 when absent. Any other one is an error. */
  readonly accepted?: readonly number[]
}

const SUCCESS = [200, 201]

/** Sends requests to the JSON API, with a token where there are credentials. Repeats nothing but a token that ran out. */
export class ApiClient {
  readonly #options: GcsOptions
  readonly #agents: Agents
  readonly #tokens: TokenCache | undefined
  readonly #allAgents: readonly Agents[]
  readonly #base: string

  constructor(parts: {
    readonly options: GcsOptions
    readonly agents: Agents
    /** Undefined when no credentials are sent. */
    readonly tokens: TokenCache | undefined
    /** Freed when the client is closed. */
    readonly allAgents: readonly Agents[]
  }) {
    this.#options = parts.options
    this.#agents = parts.agents
    this.#tokens = parts.tokens
    this.#allAgents = parts.allAgents
    this.#base = parts.options.endpoint.replace(/\/+$/, '')
  }

  /**
   * Sends a request and waits for the beginning of the answer.
   * @throws ApiError when it is none of the statuses accepted; a StorageError of the credentials; an error of the system.
   */
  async request(call: ApiCall): Promise<HttpAnswer> {
    const token = await this.#tokens?.get(call.signal)
    const answer = await this.#send(call, token)
    if (answer.status !== 401 || token === undefined || this.#tokens === undefined) return this.#check(call, answer)
    // it was withdrawn, or the clocks differ: a new one may do
    await readText(answer)
    this.#tokens.forget(token)
    const next = await this.#tokens.get(call.signal)
    const second = await this.#send(call, next)
    if (second.status === 401) this.#tokens.forget(next)
    return this.#check(call, second)
  }

  /** As {@link request}; for an answer that is JSON. */
  async json(call: ApiCall): Promise<unknown> {
    const answer = await this.request(call)
    const text = await readText(answer)
    const json = parseJson(text)
    if (json === undefined) {
      const type = answer.headers['content-type'] ?? 'something without a type'
      throw new StorageError('Permanent', `the server answered with ${type} instead of JSON; check "endpoint"`)
    }
    return json
  }

  /** Cuts all connections. */
  close(): void {
    for (const { http, https } of this.#allAgents) {
      http.destroy()
      https.destroy()
    }
  }

  async #check({ accepted = SUCCESS }: ApiCall, answer: HttpAnswer): Promise<HttpAnswer> {
    if (accepted.includes(answer.status)) return answer
    throw await ApiError.from(answer)
  }

  #send({ method, target, query = {}, headers, body, signal }: ApiCall, token?: AccessToken): Promise<HttpAnswer> {
    const { userProject } = this.#options
    const isSession = target instanceof URL
    const url = isSession ? target : new URL(this.#base + target + queryText({ ...query, userProject }))
    // the URL of an upload is all the permission that it needs, and may lead to another host
    const authorization = token && !isSession ? { authorization: `Bearer ${token.value}` } : {}
    const payer = isSession || userProject !== undefined ? undefined : token?.quotaProject
    const charged = payer === undefined ? {} : { 'x-goog-user-project': payer }
    return exchange(this.#agents, {
      method,
      url,
      headers: { ...charged, ...authorization, ...headers },
      body,
      signal,
    })
  }
}

/** Not URLSearchParams, which writes "+" for a space. */
function queryText(query: NonNullable<ApiCall['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}
