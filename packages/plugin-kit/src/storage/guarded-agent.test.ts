import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createAgents } from './guarded-agent.ts'

const limits = { maxConnections: 1, connectTimeoutMs: 5000, requestTimeoutMs: 100, ca: undefined }

describe('a connection', () => {
  it('that is used again ends when it falls silent, as at its first use', async () => {
    let answers = 0
    await using server = createServer((_request, response) => {
      answers += 1
      if (answers === 1) response.end('first')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { http: agent } = createAgents(limits)
    const ask = () => request({ host: '127.0.0.1', port, agent }).end()
    const first = ask()
    const [response] = (await once(first, 'response')) as [NodeJS.ReadableStream]
    response.resume()
    await once(response, 'end')
    const second = ask()
    await expect(once(second, 'response')).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    expect(second.reusedSocket).toBe(true)
    agent.destroy()
    server.closeAllConnections()
  })

  it('that does not open in time is given up, also when it is the handshake of TLS that takes too long', async () => {
    await using silent = createTcpServer((socket) => socket.on('error', () => undefined).resume())
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const { https: agent } = createAgents({ ...limits, connectTimeoutMs: 100, requestTimeoutMs: 60_000 })
    const asked = requestSecurely({ host: '127.0.0.1', port, agent }).end()
    await expect(once(asked, 'response')).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    agent.destroy()
  })
})
