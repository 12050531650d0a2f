import { setTimeout as delay } from 'node:timers/promises'
import { buffer } from 'node:stream/consumers'
import type { StorageErrorCode, Storage } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { startHttpFaultProxy, type FaultAction, type HttpFaultProxy } from '../support/http-fault-proxy.ts'
import { within } from '../support/wait-for.ts'
import { openOnServer } from './open-s3-storage.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'

const CONTENT = Buffer.alloc(3 * 1024 ** 2, 'walr')
const signal = new AbortController().signal

let server: Radosgw
let proxy: HttpFaultProxy
let bucket: string
let storage: Storage
/** Ends what is silent after a short while. A loaded machine is silent for a while, too: it is for faults that are silence. */
let impatient: Storage

beforeAll(async () => {
  server = await startRadosgw()
  proxy = await startHttpFaultProxy(server.endpoint)
  bucket = await server.createBucket()
  const behindProxy = { ...server, endpoint: proxy.endpoint }
  storage = await openOnServer(behindProxy, { bucket })
  impatient = await openOnServer(behindProxy, { bucket, requestTimeoutMs: 300 })
  await storage.put('present', { size: CONTENT.length, open: () => chunks() }, { ifAbsent: true, signal })
})
afterEach(() => proxy.clear())
afterAll(async () => {
  await storage[Symbol.asyncDispose]()
  await impatient[Symbol.asyncDispose]()
  await proxy.stop()
  await server.stop()
})

async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
  await Promise.resolve()
  yield CONTENT
}

const read = async (key: string, from = storage): Promise<Buffer> => buffer(await from.get(key, { signal }))
const facing = (action: FaultAction): Storage => (action === 'hang' || action === 'stalled-body' ? impatient : storage)

describe('reading', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    ['short-body', 'Transient'],
    ['stalled-body', 'Transient'],
    ['hang', 'Transient'],
    ['reset', 'Transient'],
    [{ status: 503, code: 'SlowDown' }, 'Transient'],
    [{ status: 500 }, 'Transient'],
    [{ status: 404, code: 'NoSuchKey' }, 'NotFound'],
    [{ status: 404, code: 'NoSuchBucket' }, 'Permanent'],
    [{ status: 404 }, 'Permanent'],
    [{ status: 403, code: 'AccessDenied' }, 'AccessDenied'],
    [{ status: 403, code: 'InvalidObjectState' }, 'Permanent'],
    [{ status: 400, code: 'ExpiredToken' }, 'AccessDenied'],
    [{ status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } }, 'Permanent'],
    [{ status: 418, code: 'Teapot' }, 'Permanent'],
  ])('that meets %o is %s', async (action, wanted) => {
    proxy.inject({ when: ({ method }) => method === 'GET', action })
    await expect(within('the reading', 20_000, read('present', facing(action)))).rejects.toThrow(
      storageErrorWith(wanted),
    )
  })

  it('names the region that the bucket is in', async () => {
    const action = { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } }
    proxy.inject({ when: () => true, action })
    await expect(read('present')).rejects.toThrow('eu-west-1')
  })

  it('goes on when the reader paused for longer than a connection may be silent', async () => {
    const received: Uint8Array[] = []
    for await (const chunk of await impatient.get('present', { signal })) {
      if (received.length === 0) await delay(1000) // what is tested is a time that passes
      received.push(Uint8Array.from(chunk))
    }
    expect(Buffer.concat(received).equals(CONTENT)).toBe(true)
    expect(proxy.count('GET')).toBe(1)
  })

  it('frees the connection when it is left before its first chunk', async () => {
    await using single = await openOnServer(server, { bucket, maxConnections: 1 })
    const unread = (await single.get('present', { signal }))[Symbol.asyncIterator]()
    await unread.return?.()
    const next = buffer(await within('the next reading', 10_000, single.get('present', { signal })))
    expect((await next).equals(CONTENT)).toBe(true)
  })

  it('is Permanent when the server ignores the range', async () => {
    proxy.inject({ when: ({ method }) => method === 'GET', action: { status: 200 } })
    await expect(storage.get('present', { offset: 5, length: 5, signal })).rejects.toThrow(
      storageErrorWith('Permanent'),
    )
  })
})

describe('the head', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    [{ status: 403 }, 'AccessDenied'],
    [{ status: 503 }, 'Transient'],
    [{ status: 400 }, 'Permanent'],
    ['reset', 'Transient'],
    ['hang', 'Transient'],
  ])('that meets %o is %s', async (action, wanted) => {
    proxy.inject({ when: ({ method }) => method === 'HEAD', action })
    await expect(facing(action).head('present', { signal })).rejects.toThrow(storageErrorWith(wanted))
  })

  it('is NotFound only when a second question is answered with NoSuchKey', async () => {
    await expect(storage.head('absent', { signal })).rejects.toThrow(storageErrorWith('NotFound'))
    expect(proxy.requests.map(({ method }) => method)).toEqual(['HEAD', 'GET'])
    proxy.inject({ when: ({ method }) => method === 'GET', action: { status: 404 } })
    await expect(storage.head('absent', { signal })).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('is Transient when the object appears between both questions', async () => {
    proxy.inject({ when: ({ method }) => method === 'HEAD', action: { status: 404 } })
    await expect(storage.head('present', { signal })).rejects.toThrow(storageErrorWith('Transient'))
  })
})

describe('a listing', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    [{ status: 403, code: 'AccessDenied' }, 'AccessDenied'],
    [{ status: 404, code: 'NoSuchBucket' }, 'Permanent'],
    [{ status: 500, code: 'InternalError' }, 'Transient'],
    ['short-body', 'Transient'],
  ])('that meets %o is %s, never empty', async (action, wanted) => {
    proxy.inject({ when: ({ method }) => method === 'GET', action })
    await expect(Array.fromAsync(storage.list('', { signal }))).rejects.toThrow(storageErrorWith(wanted))
  })
})

describe('deleting', () => {
  it('fails when the server could not delete one of the keys', async () => {
    const errors = '<DeleteResult><Error><Key>b</Key><Code>InternalError</Code></Error></DeleteResult>'
    proxy.inject({ when: ({ method }) => method === 'POST', action: { status: 200, body: errors } })
    await expect(storage.delete(['a', 'b'], { signal })).rejects.toThrow(storageErrorWith('Transient'))
  })

  it('sends a thousand keys with a request', async () => {
    await using patient = await openOnServer({ ...server, endpoint: proxy.endpoint }, { bucket })
    const keys = Array.from({ length: 2001 }, (_, index) => `none/${index}`)
    await patient.delete([...keys, ...keys], { signal })
    expect(proxy.count('POST', /\?delete/)).toBe(3)
  })
})
