import { once } from 'node:events'
import { Agent, createServer, request as openRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** A request that went through the proxy. */
export interface SeenRequest {
  readonly method: string
  /** As sent, still encoded, with the query. */
  readonly path: string
  /** Small letters, as sent. */
  readonly headers: IncomingMessage['headers']
  /** Bytes of the body that have arrived. */
  readonly bytes: number
  /** What was answered; undefined while it is not, and for ever when it was cut or left to hang. */
  readonly status: number | undefined
  /** By `performance.now()`. The second is undefined as long as the answer is not complete. */
  readonly startedAtMs: number
  readonly endedAtMs: number | undefined
}

/** An answer that the proxy makes up, in the form of S3's errors. */
export interface MadeUpAnswer {
  readonly status: number
  /** The `Code` of S3's error. */
  readonly code?: string
  /** In place of an error document with `code`; without both there is no body. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What the proxy does instead of passing on. */
export type FaultAction =
  | MadeUpAnswer
  /** Cuts the connection before the server sees anything. */
  | 'reset'
  /** The server does it, and the connection is cut in place of its answer. */
  | 'lost-answer'
  /** Takes the request, and never answers. */
  | 'hang'
  /** The answer's headers and the first half of its body, then the end of the connection. */
  | 'short-body'
  /** As before, but the connection stays open, silent. */
  | 'stalled-body'
  /** The server's answer with another ETag. */
  | 'wrong-etag'
  /** The server's answer with other `x-amz-checksum-*` headers. */
  | 'wrong-checksum'
  /** The server's answer without ETag and `x-amz-checksum-*`. */
  | 'no-checksum'
  /** One bit of the request's body is turned. */
  | 'altered-upload'
  /** Passes on, later. */
  | { readonly delayMs: number }

/** A fault: which requests it is for, and what happens to them. */
export interface FaultRule {
  readonly when: (request: SeenRequest) => boolean
  /** How many requests it is for; all when absent. */
  readonly times?: number
  readonly action: FaultAction
}

/** A fake network between a client and a server of HTTP, which records and misbehaves as it is told. */
export interface HttpFaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. Signatures made for it hold at the server, since the Host header is passed on. */
  readonly endpoint: string
  /** All requests so far, oldest first, also those that met a fault. */
  readonly requests: readonly SeenRequest[]
  /** How many requests had this method and a path (with query) that matches. */
  count(method: string, path?: RegExp): number
  /** Adds a rule. Of several rules that match the one added first is applied. */
  inject(rule: FaultRule): void
  /** Forgets rules and requests. */
  clear(): void
  /** Cuts all connections and ends; idempotent. */
  stop(): Promise<void>
}

interface Recorded extends SeenRequest {
  bytes: number
  status: number | undefined
  endedAtMs: number | undefined
}

/** Starts a proxy on a free port of 127.0.0.1 to `target`, the endpoint of an S3 server without TLS. */
export async function startHttpFaultProxy(target: string): Promise<HttpFaultProxy> {
  const agent = new Agent({ keepAlive: true })
  const requests: Recorded[] = []
  const rules: { rule: FaultRule; left: number }[] = []

  const server = createServer((incoming, outgoing) => {
    const seen = record(incoming)
    requests.push(seen)
    outgoing.on('finish', () => {
      seen.endedAtMs = performance.now()
    })
    const matching = rules.find(({ rule, left }) => left > 0 && rule.when(seen))
    if (matching) matching.left -= 1
    answer(incoming, outgoing, seen, matching?.rule.action).catch(() => incoming.socket.destroy())
  })

  const answer = async (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    seen: Recorded,
    action: FaultAction | undefined,
  ): Promise<void> => {
    if (action === 'reset') incoming.socket.resetAndDestroy()
    else if (action === 'hang') await drain(incoming, seen)
    else if (typeof action === 'object' && 'status' in action) {
      await drain(incoming, seen)
      seen.status = action.status
      makeUp(outgoing, seen, action)
    } else {
      if (typeof action === 'object') await delay(action.delayMs)
      await forward(incoming, outgoing, seen, typeof action === 'string' ? action : undefined)
    }
  }

  const forward = async (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    seen: Recorded,
    action: string | undefined,
  ): Promise<void> => {
    const headers = { ...incoming.headers }
    delete headers.expect // Node has answered `Expect: 100-continue` already
    const onward = openRequest(new URL(target), { agent, method: seen.method, path: seen.path, headers })
    outgoing.on('close', () => onward.destroy())
    const responded = once(onward, 'response') as Promise<[IncomingMessage]>
    // a server may answer and close before it has read all: then the answer counts
    pipeline(incoming, meter(seen, action === 'altered-upload'), onward).catch(() => undefined)
    const [response] = await responded
    if (action === 'lost-answer') {
      await drain(response)
      incoming.socket.resetAndDestroy()
      return
    }
    seen.status = response.statusCode
    outgoing.writeHead(response.statusCode ?? 502, distort(response.headers, action))
    if (action === 'short-body' || action === 'stalled-body') {
      const body = await collect(response)
      const half = body.subarray(0, body.length >> 1)
      await new Promise<void>((written) => void outgoing.write(half, () => written()))
      if (action === 'short-body') outgoing.destroy()
    } else await pipeline(response, outgoing)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    agent.destroy()
    await closed
  }
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    count: (method, path = /^/) => requests.filter((seen) => seen.method === method && path.test(seen.path)).length,
    inject: (rule) => void rules.push({ rule, left: rule.times ?? Infinity }),
    clear: () => {
      requests.length = 0
      rules.length = 0
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function record({ method = '', url = '', headers }: IncomingMessage): Recorded {
  const startedAtMs = performance.now()
  return { method, path: url, headers, bytes: 0, status: undefined, startedAtMs, endedAtMs: undefined }
}

function makeUp(outgoing: ServerResponse, { method }: SeenRequest, answer: MadeUpAnswer): void {
  const { status, code, headers, body = code === undefined ? '' : errorDocument(code) } = answer
  const length = Buffer.byteLength(body)
  outgoing.writeHead(status, { 'content-type': 'application/xml', 'content-length': length, ...headers })
  outgoing.end(method === 'HEAD' ? '' : body)
}

function errorDocument(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>made up</Message></Error>`
}

function distort(headers: IncomingMessage['headers'], action: string | undefined): IncomingMessage['headers'] {
  const isChecksum = (name: string): boolean => name.startsWith('x-amz-checksum-') && name !== 'x-amz-checksum-type'
  if (action === 'wrong-etag') return { ...headers, etag: `"${'0123456789abcdef'.repeat(2)}"` }
  if (action === 'no-checksum') {
    return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'etag' && !isChecksum(name)))
  }
  if (action !== 'wrong-checksum') return headers
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, isChecksum(name) ? 'AAAAAA==' : value]),
  )
}

/** Counts what passes; with `alter` turns a bit of the first chunk, which is enough where no framing surrounds it. */
function meter(seen: Recorded, alter: boolean): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const last = chunk.length - 1
      if (alter && seen.bytes === 0 && last >= 0) chunk.writeUInt8(chunk.readUInt8(last) ^ 1, last)
      seen.bytes += chunk.length
      done(null, chunk)
    },
  })
}

async function drain(stream: IncomingMessage, seen?: Recorded): Promise<void> {
  for await (const chunk of stream as AsyncIterable<Buffer>) if (seen) seen.bytes += chunk.length
}

async function collect(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
