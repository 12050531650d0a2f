import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { describe, it } from 'node:test'
import { isStorageError, type Storage, type StorageErrorCode } from '@walr/core/plugin'
import { parseOptions } from '../src/options.ts'
import { ServiceStorage } from '../src/storage.ts'

// What only a server that misbehaves shows, and the conformance suites cannot. Add what yours does on a bad day.

const { signal } = new AbortController()
const head = (storage: Storage): Promise<unknown> => storage.head('wal/1', { signal })
const read = async (storage: Storage): Promise<void> => {
  for await (const chunk of await storage.get('wal/1', { signal })) assert.ok(chunk.length > 0)
}

async function rejectsWith(
  code: StorageErrorCode,
  answer: RequestListener,
  action: (storage: Storage) => Promise<unknown>,
  retryAfterMs?: number,
): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const storage = new ServiceStorage(parseOptions({ url: `http://127.0.0.1:${port}`, bucket: 'b' }))
  try {
    const isExpected = (error: unknown): boolean => isStorageError(error, code) && error.retryAfterMs === retryAfterMs
    await assert.rejects(action(storage), isExpected)
  } finally {
    await storage[Symbol.asyncDispose]()
    server.close()
    server.closeAllConnections()
  }
}

describe('a server that misbehaves', () => {
  it('and sends less than it announced is tried again', async () => {
    const answer: RequestListener = (_, response) => {
      response.writeHead(200, { 'content-length': 1000 })
      response.write('the beginning', () => response.destroy())
    }
    await rejectsWith('Transient', answer, read)
  })

  it('and cuts the connection is tried again', async () => {
    await rejectsWith('Transient', (request) => request.socket.destroy(), head)
  })

  it('and asks to be left alone is left alone for that long', async () => {
    const answer: RequestListener = (_, response) => response.writeHead(503, { 'retry-after': '7' }).end()
    await rejectsWith('Transient', answer, head, 7000)
  })

  it('and finds nothing, without saying that it looked for the key, does not make the key absent', async () => {
    await rejectsWith('Permanent', (_, response) => response.writeHead(404).end(), head)
  })

  it('and answers with something else is not believed', async () => {
    const list = (storage: Storage): Promise<unknown> => Array.fromAsync(storage.list('', { signal }))
    await rejectsWith('Permanent', (_, response) => response.end('<html>Welcome</html>'), list)
    await rejectsWith('Permanent', (_, response) => response.end('{"objects":[],"isComplete":false}'), list)
  })
})
