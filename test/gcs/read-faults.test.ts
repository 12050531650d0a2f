import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Storage, StorageErrorCode } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startFakeGcs, type FakeGcs } from '../support/fake-gcs/fake-gcs.ts'
import { startHttpFaultProxy, type FaultAction, type HttpFaultProxy } from '../support/http-fault-proxy.ts'
import { waitFor, within } from '../support/wait-for.ts'
import { isDownload, isHead, isListing, patienceFor, refusal } from './gcs-requests.ts'
import { openAt } from './open-gcs-storage.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'
import { chunkedSource } from '../support/byte-source.ts'

const CONTENT = Buffer.alloc(3 * 1024 ** 2, 'walr')
const signal = new AbortController().signal

let server: FakeGcs
let proxy: HttpFaultProxy
let bucket: string
/** Waits long for an answer. */
let storage: Storage
/** Does not. */
let impatient: Storage

beforeAll(async () => {
  server = await startFakeGcs()
  proxy = await startHttpFaultProxy(server.endpoint)
  bucket = await server.createBucket()
  storage = await openAt(proxy.endpoint, { bucket })
  impatient = await openAt(proxy.endpoint, { bucket, ...patienceFor('hang') })
  await storage.put('present', chunkedSource(CONTENT), { ifAbsent: true, signal })
})
afterEach(() => proxy.clear())
afterAll(async () => {
  await storage[Symbol.asyncDispose]()
  await impatient[Symbol.asyncDispose]()
  await proxy.stop()
  await server.stop()
})

const read = async (key: string, by = storage): Promise<Buffer> => buffer(await by.get(key, { signal }))
/** Only where the fault is silence it is not waited for. */
const clientFor = (action: FaultAction): Storage => ('requestTimeoutMs' in patienceFor(action) ? impatient : storage)

describe('reading', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    ['short-body', 'Transient'],
    ['stalled-body', 'Transient'],
    ['hang', 'Transient'],
    ['reset', 'Transient'],
    [refusal(503, 'backendError'), 'Transient'],
    [refusal(429, 'rateLimitExceeded'), 'Transient'],
    [{ status: 500 }, 'Transient'],
    [refusal(401, 'authError'), 'AccessDenied'],
    [{ status: 403, body: 'somebody does not have access' }, 'AccessDenied'],
    [refusal(400, 'customerEncryptionKeyIsIncorrect'), 'Permanent'],
    [refusal(418, 'teapot'), 'Permanent'],
    [{ status: 301, headers: { location: 'http://127.0.0.1:1/' } }, 'Permanent'],
    [{ status: 200, body: 'short', headers: { 'x-goog-hash': 'crc32c=AAAAAA==' } }, 'Transient'],
  ])('that meets %o is %s', async (action, wanted) => {
    proxy.inject({ when: isDownload, action })
    await expect(within('the reading', 10_000, read('present', clientFor(action)))).rejects.toThrow(
      storageErrorWith(wanted),
    )
  })

  it('is Transient, and says why, when the bytes are not those of the checksum', async () => {
    await storage.put('damaged', chunkedSource(CONTENT), { ifAbsent: true, signal })
    await server.command('damageObject', { bucket, name: 'damaged' })
    const failed = read('damaged')
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow('CRC32C')
  })

  it('checks no checksum of a range', async () => {
    await storage.put('ranged', chunkedSource(CONTENT), { ifAbsent: true, signal })
    await server.command('damageObject', { bucket, name: 'ranged' })
    const part = await buffer(await storage.get('ranged', { offset: 4, length: 8, signal }))
    expect(part.toString()).toBe('walrwalr')
  })

  it('goes on when the reader paused for longer than a connection may be silent', async () => {
    await using watched = await openAt(proxy.endpoint, { bucket, requestTimeoutMs: 1000 })
    const received: Uint8Array[] = []
    for await (const chunk of await watched.get('present', { signal })) {
      if (received.length === 0) await delay(2500) // what is tested is a time that passes
      received.push(Uint8Array.from(chunk))
    }
    expect(Buffer.concat(received).equals(CONTENT)).toBe(true)
    expect(proxy.requests.filter(isDownload)).toHaveLength(1)
  })

  it('frees the connection when it is left before its first chunk', async () => {
    await using single = await openAt(server.endpoint, { bucket, maxConnections: 1 })
    const unread = (await single.get('present', { signal }))[Symbol.asyncIterator]()
    await unread.return?.()
    const next = buffer(await within('the next reading', 10_000, single.get('present', { signal })))
    expect((await next).equals(CONTENT)).toBe(true)
  })

  it('leaves no connection when the storage is disposed of in the middle', async () => {
    const before = await server.command('connections', undefined)
    const other = await openAt(server.endpoint, { bucket })
    const reading = (await other.get('present', { signal }))[Symbol.asyncIterator]()
    await reading.next()
    await other[Symbol.asyncDispose]()
    await waitFor('its connections are closed', async () => {
      return (await server.command('connections', undefined)) <= before
    })
    await expect(reading.next()).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('is Permanent when the server ignores the range', async () => {
    proxy.inject({ when: isDownload, action: { status: 200 } })
    await expect(storage.get('present', { offset: 5, length: 5, signal })).rejects.toThrow(
      storageErrorWith('Permanent'),
    )
  })
})

describe('what is absent', () => {
  it('is NotFound when the bucket itself says that it has no such object', async () => {
    await expect(read('absent')).rejects.toThrow(storageErrorWith('NotFound'))
    await expect(storage.head('absent', { signal })).rejects.toThrow(storageErrorWith('NotFound'))
    expect(proxy.requests.filter(isListing)).toHaveLength(2)
  })

  it.each<[string, FaultAction, StorageErrorCode]>([
    ['the bucket is absent', refusal(404, 'notFound'), 'Permanent'],
    ['a proxy answers in place of the bucket', { status: 404, body: '<html>no such page</html>' }, 'Permanent'],
    ['a portal answers in place of the bucket', { status: 200, body: '<html>log in</html>' }, 'Permanent'],
    ['the bucket may not be asked', refusal(403, 'forbidden'), 'AccessDenied'],
    ['the bucket cannot be asked', refusal(503, 'backendError'), 'Transient'],
    ['the answer about the bucket is cut', 'short-body', 'Transient'],
    ['the bucket does not answer', 'hang', 'Transient'],
  ])('is not NotFound when %s', async (_what, action, wanted) => {
    proxy.inject({ when: isListing, action })
    await expect(read('absent', clientFor(action))).rejects.toThrow(storageErrorWith(wanted))
    await expect(clientFor(action).head('absent', { signal })).rejects.toThrow(storageErrorWith(wanted))
  })

  it('is not NotFound when a 404 comes from somebody else: the bucket has the object', async () => {
    proxy.inject({ when: (seen) => isDownload(seen) || isHead(seen), action: { status: 404 } })
    await expect(read('present')).rejects.toThrow(storageErrorWith('Transient'))
    await expect(storage.head('present', { signal })).rejects.toThrow(storageErrorWith('Transient'))
  })
})

describe('a listing', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    [refusal(403, 'forbidden'), 'AccessDenied'],
    [refusal(404, 'notFound'), 'Permanent'],
    [refusal(500, 'internalError'), 'Transient'],
    [{ status: 200, body: '{}' }, 'Permanent'],
    [{ status: 200, body: '{"kind":"storage#objects","items":[{"name":"present"}]}' }, 'Permanent'],
    ['short-body', 'Transient'],
    ['hang', 'Transient'],
  ])('that meets %o is %s, never empty', async (action, wanted) => {
    proxy.inject({ when: isListing, action })
    await expect(Array.fromAsync(clientFor(action).list('', { signal }))).rejects.toThrow(storageErrorWith(wanted))
  })

  it.each<[string, readonly string[]]>([
    ['out of order', ['b', 'a']],
    ['twice', ['a', 'a']],
    ['though they were not asked for', ['other/a']],
  ])('with names that come %s is Permanent', async (_what, names) => {
    const items = names.map((name) => ({ name, size: '1', timeCreated: new Date().toISOString(), generation: '1' }))
    const body = JSON.stringify({ kind: 'storage#objects', items })
    proxy.inject({ when: isListing, action: { status: 200, body } })
    const prefix = names[0]?.includes('/') === true ? 'wal/' : ''
    await expect(Array.fromAsync(storage.list(prefix, { signal }))).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('that never goes on is Permanent', async () => {
    const body = JSON.stringify({ kind: 'storage#objects', nextPageToken: 'again' })
    proxy.inject({ when: isListing, action: { status: 200, body } })
    await expect(Array.fromAsync(storage.list('', { signal }))).rejects.toThrow(storageErrorWith('Permanent'))
  })
})

describe('deleting', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    [refusal(403, 'forbidden'), 'AccessDenied'],
    [refusal(403, 'objectUnderActiveHold'), 'Permanent'],
    [refusal(503, 'backendError'), 'Transient'],
    ['reset', 'Transient'],
  ])('fails when one of the keys meets %o', async (action, wanted) => {
    proxy.inject({ when: ({ method, path }) => method === 'DELETE' && path.includes('/o/b'), action })
    await expect(storage.delete(['a', 'b', 'c'], { signal })).rejects.toThrow(storageErrorWith(wanted))
  })

  it('of what is absent asks once whether there is a bucket', async () => {
    await storage.delete(['x', 'y', 'z'], { signal })
    expect(proxy.requests.filter(isListing)).toHaveLength(1)
  })
})
