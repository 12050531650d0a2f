import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Misuse } from './api-failure.ts'

/** A request, read whole. */
export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: Query
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Who asks; undefined without a token. */
  readonly account: string | undefined
}

/** An answer to be sent. */
export interface ApiAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
}

/** Parameters of a URL. Each one has to be taken by who serves the request: what is left is a misuse. */
export class Query {
  readonly #left: URLSearchParams

  constructor(parameters: URLSearchParams) {
    this.#left = new URLSearchParams(parameters)
  }

  take(name: string): string | undefined {
    const values = this.#left.getAll(name)
    if (values.length > 1) throw new Misuse(`parameter "${name}" comes ${values.length} times`)
    this.#left.delete(name)
    return values[0]
  }

  /** @throws Misuse unless all were taken. */
  end(): void {
    const names = [...this.#left.keys()]
    if (names.length > 0) throw new Misuse(`parameters ${names.join(', ')}`)
  }
}

export async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): ApiAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=UTF-8', ...headers },
    body: JSON.stringify(value),
  }
}
