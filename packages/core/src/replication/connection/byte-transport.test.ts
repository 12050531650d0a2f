import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { ByteTransport } from './byte-transport.ts'

it('sends everything in order, also when the system takes no more for a while', async () => {
  const accepted = Promise.withResolvers<Socket>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    accepted.resolve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const keepalives = { enabled: true, idleMs: undefined }
  const target = { address: '127.0.0.1', port }
  const transport = await ByteTransport.connect(target, keepalives, new AbortController().signal)
  const sent: Buffer[] = []
  for (let number = 0; transport.idle || number % 100 !== 0; number += 1) {
    const piece = Buffer.alloc(50_000 + number, number % 251)
    transport.write(piece)
    sent.push(piece)
  }
  const socket = await accepted.promise
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  socket.resume()
  const last = Buffer.from('the end')
  await transport.close(last)
  if (!socket.readableEnded) await once(socket, 'end')
  expect(Buffer.concat(received).equals(Buffer.concat([...sent, last]))).toBe(true)
  server.close()
})
