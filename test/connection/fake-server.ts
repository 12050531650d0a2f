import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** Something that listens on a port of 127.0.0.1 and is no PostgreSQL server. */
export interface FakeServer extends AsyncDisposable {
  readonly port: number
  /** What clients have sent so far, all connections together. */
  received(): Buffer
}

/** Calls `serve` for each connection. Connections are cut when it is disposed of. */
export async function startFakeServer(serve: (socket: Socket) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>()
  const chunks: Buffer[] = []
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined) // the client may reset it
    socket.on('data', (chunk) => chunks.push(chunk))
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the fake server has no port')
  return {
    port: address.port,
    received: () => Buffer.concat(chunks),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Sends one of `answers` for each chunk that comes, in order. */
export function answering(...answers: readonly Uint8Array[]): (socket: Socket) => void {
  return (socket) => {
    const left = [...answers]
    socket.on('data', () => {
      const answer = left.shift()
      if (answer) socket.write(answer)
    })
  }
}
