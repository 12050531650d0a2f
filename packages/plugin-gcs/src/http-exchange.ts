import { once } from 'node:events'
import { request as openPlain, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { request as openSecure } from 'node:https'
import type { createAgents } from '@walr/plugin-kit/storage'

/** The pools of connections that requests are sent over. */
export type Agents = ReturnType<typeof createAgents>

/** A request, complete in memory. */
export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Sent one after another, as they are; not to be changed before the answer is there. */
  readonly body?: readonly Uint8Array[] | undefined
  /** Ends the request, and the reading of its answer, by cutting the connection. */
  readonly signal: AbortSignal
}

/** The beginning of an answer. */
export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** To be read to its end or destroyed: until then it keeps its connection. */
  readonly body: IncomingMessage
}

/** More than any answer that is read as a whole. */
const LONGEST_TEXT = 32 * 1024 ** 2

/**
 * Sends one request and waits for the beginning of its answer, whatever its status. No redirect is followed, nothing is
 * repeated. Rejects with an error of the system.
 */
export async function exchange(agents: Agents, request: HttpRequest): Promise<HttpAnswer> {
  const { method, url, headers = {}, body = [], signal } = request
  const [open, agent] = url.protocol === 'https:' ? [openSecure, agents.https] : [openPlain, agents.http]
  const length = body.reduce((sum, piece) => sum + piece.length, 0)
  const hasBody = method === 'POST' || method === 'PUT' || length > 0
  const outgoing = open(url, {
    method,
    agent,
    signal,
    headers: { ...headers, ...(hasBody ? { 'content-length': length } : {}) },
  })
  outgoing.on('error', () => undefined) // it may also fail when its answer is there, and then it is the body that tells
  const responded = once(outgoing, 'response') as Promise<[IncomingMessage]>
  for (const piece of body) outgoing.write(piece)
  outgoing.end()
  const [incoming] = await responded
  // what refuses a request need not read all of it: the rest is not sent
  incoming.on('end', () => {
    if (!outgoing.writableFinished) outgoing.destroy()
  })
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming }
}

/** Reads an answer as a whole. Rejects when it ends early, or is longer than any that makes sense. */
export async function readText({ body }: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LONGEST_TEXT) throw new Error(`the answer is longer than ${LONGEST_TEXT} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
