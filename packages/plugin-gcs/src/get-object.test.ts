import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { buffer } from 'node:stream/consumers'
import type { GetOptions, HookContext } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { parseOptions } from './options.ts'
import { openGcsStorage } from './storage.ts'

const signal = new AbortController().signal
const quiet = (): void => undefined
const log = { error: quiet, warning: quiet, info: quiet, debug: quiet }
const context: HookContext = { log, signal, now: () => new Date(), baseDirectory: tmpdir() }

/** Reads an object from a server that answers every request in this way. */
async function readFrom(answer: (response: ServerResponse) => void, range: Omit<GetOptions, 'signal'> = {}) {
  await using server = createServer((_request, response) => {
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const options = parseOptions({ bucket: 'backups', endpoint, anonymous: true })
  await using storage = await openGcsStorage(options, context)
  return (await buffer(await storage.get('key', { ...range, signal }))).toString()
}

describe('a body that comes without its length', () => {
  it('is as long as the server says that the object is', async () => {
    const headers = { 'x-goog-stored-content-length': '4', 'x-goog-hash': 'md5=x,crc32c=Xhr4lA==' }
    const whole = readFrom((response) => response.writeHead(200, { ...headers, 'x-goog-hash': '' }).end('walr'))
    expect(await whole).toBe('walr')
    await expect(readFrom((response) => response.writeHead(200, headers).end('wal'))).rejects.toMatchObject({
      code: 'Transient',
    })
    await expect(readFrom((response) => response.writeHead(200, headers).end('WALR'))).rejects.toThrow('CRC32C')
  })

  it('is as long as its range', async () => {
    const headers = { 'content-range': 'bytes 2-3/4', 'transfer-encoding': 'chunked' }
    const range = { offset: 2, length: 2 }
    expect(await readFrom((response) => response.writeHead(206, headers).end('lr'), range)).toBe('lr')
    await expect(readFrom((response) => response.writeHead(206, headers).end('l'), range)).rejects.toMatchObject({
      code: 'Transient',
    })
  })

  it('is Permanent when nothing tells its length, or when it is another range', async () => {
    const chunked = { 'transfer-encoding': 'chunked' }
    await expect(readFrom((response) => response.writeHead(200, chunked).end('walr'))).rejects.toMatchObject({
      code: 'Permanent',
    })
    const other = { ...chunked, 'content-range': 'bytes 0-1/4' }
    const answer = readFrom((response) => response.writeHead(206, other).end('wa'), { offset: 2, length: 2 })
    await expect(answer).rejects.toMatchObject({ code: 'Permanent' })
  })
})
