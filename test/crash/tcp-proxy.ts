import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** How the connections of a proxy are cut. */
export type Cut =
  /** Both ends get a reset. */
  | 'reset'
  /** The server's end is closed, the client's stays open, and nothing comes any more. */
  | 'half-open'
  /** Both ends stay open, and nothing passes any more, in either direction. */
  | 'black hole'

interface Pair {
  readonly client: Socket
  readonly server: Socket
}

/** A network between a client and a server on this machine, which can be made to fail. */
export class TcpProxy implements AsyncDisposable {
  readonly #listener: Server
  readonly #pairs = new Set<Pair>()
  readonly #targetPort: number

  /** Use {@link startTcpProxy}. */
  constructor(targetPort: number) {
    this.#targetPort = targetPort
    this.#listener = createServer((client) => this.#accept(client))
  }

  /** Where clients connect, on 127.0.0.1. */
  get port(): number {
    const address = this.#listener.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
    return address.port
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, '127.0.0.1')
    await once(this.#listener, 'listening')
  }

  /** Cuts the connections that exist; new ones work. */
  cut(how: Cut): void {
    for (const { client, server } of this.#pairs) {
      client.unpipe(server)
      server.unpipe(client)
      if (how === 'reset') {
        client.resetAndDestroy()
        server.resetAndDestroy()
      } else if (how === 'half-open') server.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    await closed
  }

  #accept(client: Socket): void {
    const server = connect(this.#targetPort, '127.0.0.1')
    const pair = { client, server }
    this.#pairs.add(pair)
    for (const socket of [client, server]) socket.on('error', () => undefined) // cutting is what it is for
    client.pipe(server)
    server.pipe(client)
    client.on('close', () => this.#pairs.delete(pair))
  }
}

/** Starts a proxy to a port of this machine. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const proxy = new TcpProxy(targetPort)
  await proxy.listen()
  return proxy
}
