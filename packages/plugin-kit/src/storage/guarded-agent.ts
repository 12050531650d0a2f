import { Agent as HttpAgent, type AgentOptions } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Socket } from 'node:net'

/** How connections are made and watched. */
export interface ConnectionLimits {
  readonly maxConnections: number
  readonly connectTimeoutMs: number
  /** How long a connection in use may be silent in both directions. */
  readonly requestTimeoutMs: number
  /** PEM; the public authorities when undefined. */
  readonly ca: string | undefined
}

/**
 * Agents for both protocols, with keep-alive and without Nagle's delay (Node's default), whose connections end with
 * ETIMEDOUT when nothing moves on them.
 */
export function createAgents(limits: ConnectionLimits): { readonly http: HttpAgent; readonly https: HttpsAgent } {
  const options: AgentOptions = { keepAlive: true, maxSockets: limits.maxConnections }
  const trust = limits.ca === undefined ? {} : { ca: limits.ca }
  const http = guard(new HttpAgent(options), 'connect', limits)
  return { http, https: guard(new HttpsAgent({ ...options, ...trust }), 'secureConnect', limits) }
}

/**
 * The timeouts of SDKs do not fit: one counts the whole request, which a large part on a slow line exceeds while all
 * is well, the other one ends a reading whose reader pauses. A socket's timeout is about silence, and sees writes.
 */
function guard<A extends HttpAgent>(agent: A, connected: 'connect' | 'secureConnect', limits: ConnectionLimits): A {
  const { connectTimeoutMs, requestTimeoutMs } = limits
  const create = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    const socket = create(options, callback)
    if (socket instanceof Socket) watch(socket)
    return socket
  }
  // an idle connection has no timeout, or the one that the server announced
  const reuse = agent.reuseSocket.bind(agent)
  agent.reuseSocket = (socket, request) => {
    reuse(socket, request)
    if (socket instanceof Socket) socket.setTimeout(requestTimeoutMs)
  }

  const watch = (socket: Socket): void => {
    let isConnected = false
    socket.setTimeout(connectTimeoutMs)
    socket.once(connected, () => {
      isConnected = true
      socket.setTimeout(requestTimeoutMs)
    })
    socket.on('timeout', () => {
      // it is the reader who does not go on, not the server
      if (isConnected && socket.isPaused()) socket.setTimeout(requestTimeoutMs)
      else socket.destroy(isConnected ? silence(requestTimeoutMs) : noConnection(connectTimeoutMs))
    })
  }
  return agent
}

function silence(timeoutMs: number): Error {
  return Object.assign(new Error(`nothing was sent or received for ${timeoutMs} ms`), { code: 'ETIMEDOUT' })
}

function noConnection(timeoutMs: number): Error {
  return Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })
}
