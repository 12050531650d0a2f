import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Towards the server, or towards the client. */
export type Direction = 'up' | 'down'

/** What goes wrong on the line, once so many bytes have passed in a direction since {@link SshFaultProxy.inject}. */
export interface LineFault {
  readonly direction: Direction
  readonly afterBytes: number
  /**
   * `reset`: both ends get one. `hang`: nothing passes any more, in either direction. `swallow`: nothing passes in this
   * direction any more. `alter`: one bit is another one.
   */
  readonly action: 'reset' | 'hang' | 'swallow' | 'alter'
  /** Puts it off until this is true: asked for each piece of data before that goes on. */
  readonly when?: () => boolean
}

interface Line {
  readonly client: Socket
  readonly server: Socket
  isHung: boolean
  readonly swallows: Set<Direction>
}

/** A line to a server on this machine that can be slow or broken. It knows nothing of SSH. */
export class SshFaultProxy implements AsyncDisposable {
  readonly #listener: Server
  readonly #targetPort: number
  readonly #lines = new Set<Line>()
  readonly #roundTripMs: number
  readonly #bytesPerSecond: number
  #fault: LineFault | undefined
  #passed: Record<Direction, number> = { up: 0, down: 0 }
  #accepted = 0

  /** Use {@link startSshFaultProxy}. */
  constructor(targetPort: number, { roundTripMs = 0, bytesPerSecond = Infinity }: LineSpeed) {
    this.#targetPort = targetPort
    this.#roundTripMs = roundTripMs
    this.#bytesPerSecond = bytesPerSecond
    this.#listener = createServer({ noDelay: true }, (client) => {
      this.#accept(client)
    })
  }

  get port(): number {
    const address = this.#listener.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
    return address.port
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted
  }

  /** Connections that are open. */
  get open(): number {
    return this.#lines.size
  }

  /** Bytes that have passed in a direction since the last {@link inject} or {@link clear}. */
  passed(direction: Direction): number {
    return this.#passed[direction]
  }

  /** The next bytes, of any connection, count for this fault; it happens once. */
  inject(fault: LineFault): void {
    this.#passed = { up: 0, down: 0 }
    this.#fault = fault
  }

  /** No fault waits any more; connections that are broken are cut. */
  clear(): void {
    this.#passed = { up: 0, down: 0 }
    this.#fault = undefined
    for (const line of this.#lines) if (line.isHung || line.swallows.size > 0) reset(line)
  }

  /** Cuts all connections. */
  cut(): void {
    for (const line of this.#lines) reset(line)
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, '127.0.0.1')
    await once(this.#listener, 'listening')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    await closed
  }

  #accept(client: Socket): void {
    this.#accepted += 1
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true })
    const line: Line = { client, server, isHung: false, swallows: new Set() }
    this.#lines.add(line)
    for (const socket of [client, server]) socket.on('error', () => undefined) // cutting is what it is for
    this.#forward(line, 'up', client, server)
    this.#forward(line, 'down', server, client)
    client.on('close', () => this.#lines.delete(line))
  }

  #forward(line: Line, direction: Direction, from: Socket, to: Socket): void {
    let freeAtMs = 0
    let queued = 0
    const later = (bytes: number, work: () => void): void => {
      const nowMs = performance.now()
      freeAtMs = Math.max(freeAtMs, nowMs) + (bytes / this.#bytesPerSecond) * 1000
      const waitMs = freeAtMs - nowMs + this.#roundTripMs / 2
      if (waitMs < 0.1 && queued === 0) work()
      else setTimeout(work, waitMs)
    }
    from.on('data', (chunk: Buffer) => {
      const bytes = this.#spoil(line, direction, chunk)
      if (line.isHung || line.swallows.has(direction)) return
      if (this.#bytesPerSecond < Infinity && queued > 65_536) from.pause()
      later(bytes.length, () => {
        queued -= bytes.length
        if (queued <= 65_536) from.resume()
        if (!line.isHung && !to.destroyed) to.write(bytes)
      })
      queued += bytes.length
    })
    const end = (): void => {
      later(0, () => {
        if (!line.isHung) to.end()
      })
    }
    from.on('end', end)
    from.on('close', () => {
      later(0, () => to.destroySoon())
    })
  }

  /** @returns the bytes as they go on. */
  #spoil(line: Line, direction: Direction, chunk: Buffer): Buffer {
    this.#passed[direction] += chunk.length
    const fault = this.#fault
    if (fault?.direction !== direction || this.#passed[direction] < fault.afterBytes) return chunk
    if (fault.when?.() === false) return chunk
    this.#fault = undefined
    if (fault.action === 'alter') {
      const altered = Buffer.from(chunk)
      const middle = altered.length >> 1
      altered[middle] = (altered[middle] ?? 0) ^ 1
      return altered
    }
    if (fault.action === 'swallow') line.swallows.add(direction)
    else line.isHung = true
    if (fault.action === 'reset') reset(line)
    return chunk
  }
}

/** How fast a line is. */
export interface LineSpeed {
  /** How long a byte and its answer are on the way, together. */
  readonly roundTripMs?: number
  /** In each direction, of each connection. */
  readonly bytesPerSecond?: number
}

/** Starts a line to a port of this machine. */
export async function startSshFaultProxy(targetPort: number, speed: LineSpeed = {}): Promise<SshFaultProxy> {
  const proxy = new SshFaultProxy(targetPort, speed)
  await proxy.listen()
  return proxy
}

function reset({ client, server }: Line): void {
  client.resetAndDestroy()
  server.resetAndDestroy()
}
