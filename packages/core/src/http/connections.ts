import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Sweeps of idle connections while a server ends. */
const SWEEP_MS = 50

/** The connections of a server, so that it can end: Node does not count those as idle that never sent a request. */
export class Connections {
  readonly #server: Server
  readonly #open = new Set<Duplex>()
  readonly #answering = new Map<Duplex, number>()

  constructor(server: Server) {
    this.#server = server
    for (const event of ['connection', 'secureConnection']) {
      server.on(event, (socket: Duplex) => {
        this.#open.add(socket)
        socket.once('close', () => this.#open.delete(socket))
      })
    }
  }

  /** To be called with each request. */
  count({ socket }: IncomingMessage, response: ServerResponse): void {
    this.#answering.set(socket, (this.#answering.get(socket) ?? 0) + 1)
    response.once('close', () => {
      const left = (this.#answering.get(socket) ?? 1) - 1
      if (left > 0) this.#answering.set(socket, left)
      else this.#answering.delete(socket)
    })
  }

  /** Stops listening, and ends what does not answer a request at once, the rest after `graceMs` at the latest. */
  async close(graceMs: number): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    const sweep = setInterval(() => this.#sweep(), SWEEP_MS)
    const cut = setTimeout(() => {
      for (const socket of this.#open) socket.destroy()
    }, graceMs)
    this.#sweep()
    await closed
    clearInterval(sweep)
    clearTimeout(cut)
  }

  /** Below a connection with TLS there is another one. */
  #sweep(): void {
    const busy = new Set<unknown>(this.#answering.keys())
    for (const socket of this.#answering.keys()) if ('_parent' in socket) busy.add(socket._parent)
    for (const socket of this.#open) if (!busy.has(socket)) socket.destroy()
  }
}
