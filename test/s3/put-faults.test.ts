import { ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3'
import type { ByteSource, Storage, StorageErrorCode } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import {
  startHttpFaultProxy,
  type FaultAction,
  type HttpFaultProxy,
  type SeenRequest,
} from '../support/http-fault-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { openOnServer } from './open-s3-storage.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'
import { chunkedSource } from '../support/byte-source.ts'

const MEBIBYTE = 1024 ** 2

let server: Radosgw
let proxy: HttpFaultProxy
let admin: S3Client
let bucket: string
const opened: Storage[] = []

beforeAll(async () => {
  server = await startRadosgw()
  proxy = await startHttpFaultProxy(server.endpoint)
  admin = server.client()
})
beforeEach(async () => {
  bucket = await server.createBucket()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage[Symbol.asyncDispose]()
  proxy.clear()
})
afterAll(async () => {
  admin.destroy()
  await proxy.stop()
  await server.stop()
})

/** Opens a storage behind the proxy that has proven already that the server honours conditions. */
async function open(options: Readonly<Record<string, unknown>> = {}): Promise<Storage> {
  const storage = await openOnServer({ ...server, endpoint: proxy.endpoint }, { bucket, ...options })
  opened.push(storage)
  await put(storage, 'first', bytes(1))
  proxy.clear()
  return storage
}

function bytes(size: number): Buffer {
  return Buffer.alloc(size, 'walr')
}

function put(storage: Storage, key: string, content: Buffer, signal: AbortSignal = new AbortController().signal) {
  return storage.put(key, chunkedSource(content), { ifAbsent: true, signal })
}

async function keys(): Promise<readonly string[]> {
  await using storage = await openOnServer(server, { bucket })
  const found = await Array.fromAsync(storage.list('', { signal: new AbortController().signal }))
  return found.map(({ key }) => key).filter((key) => key !== 'first')
}

async function uploadsUnderWay(): Promise<number> {
  const { Uploads = [] } = await admin.send(new ListMultipartUploadsCommand({ Bucket: bucket }))
  return Uploads.length
}

const isPut = ({ method, path }: SeenRequest): boolean => method === 'PUT' && !path.includes('partNumber')
const isPart = ({ method, path }: SeenRequest): boolean => method === 'PUT' && path.includes('partNumber')
const isComplete = ({ method, path }: SeenRequest): boolean => method === 'POST' && path.includes('uploadId')

describe('an object that fits into one part', () => {
  it.each([undefined, 1_000_000])(
    'takes one request with length, MD5, checksum and condition (size %s)',
    async (size) => {
      const storage = await open()
      const confirmation = await storage.put('one', chunkedSource(bytes(1_000_000), size), {
        ifAbsent: true,
        signal: new AbortController().signal,
      })
      expect(confirmation.size).toBe(1_000_000)
      expect(confirmation.checksum?.algorithm).toBe('md5')
      expect(proxy.requests).toHaveLength(1)
      const [{ headers, bytes: sent } = { headers: {}, bytes: 0 }] = proxy.requests
      expect(sent).toBe(1_000_000)
      expect(headers).toMatchObject({ 'content-length': '1000000', 'if-none-match': '*' })
      expect(headers).toHaveProperty('content-md5')
      expect(headers).toHaveProperty('x-amz-checksum-crc32')
      expect(headers).not.toHaveProperty('expect')
      expect(headers).not.toHaveProperty('x-amz-trailer')
    },
  )

  it.each<[FaultAction, StorageErrorCode]>([
    [{ status: 403, code: 'AccessDenied' }, 'AccessDenied'],
    [{ status: 404, code: 'NoSuchBucket' }, 'Permanent'],
    [{ status: 409, code: 'ConditionalRequestConflict' }, 'Transient'],
    [{ status: 412, code: 'PreconditionFailed' }, 'AlreadyExists'],
    [{ status: 429, code: 'TooManyRequests' }, 'Transient'],
    [{ status: 500, code: 'InternalError' }, 'Transient'],
    [{ status: 503, code: 'SlowDown' }, 'Transient'],
    [{ status: 502 }, 'Transient'],
    ['reset', 'Transient'],
    ['hang', 'Transient'],
    ['altered-upload', 'Transient'],
  ])('is %o: the put is %s, and nothing is stored', async (action, wanted) => {
    // a limit for silence is there where that is the fault: a loaded machine is silent for a while, too
    const storage = await open(action === 'hang' ? { requestTimeoutMs: 500 } : {})
    proxy.inject({ when: isPut, action })
    await expect(put(storage, 'one', bytes(100_000))).rejects.toThrow(storageErrorWith(wanted))
    expect(await keys()).toEqual([])
  })

  it('tells how long the server asks to be left alone', async () => {
    const storage = await open()
    proxy.inject({ when: isPut, action: { status: 503, code: 'SlowDown', headers: { 'retry-after': '7' } } })
    await expect(put(storage, 'one', bytes(10))).rejects.toMatchObject({ code: 'Transient', retryAfterMs: 7000 })
  })

  it('is AlreadyExists at the next try when the answer was lost', async () => {
    const storage = await open()
    proxy.inject({ when: isPut, times: 1, action: 'lost-answer' })
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow(storageErrorWith('Transient'))
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow(storageErrorWith('AlreadyExists'))
  })

  it('is not confirmed when the server reports another checksum than was sent', async () => {
    const storage = await open()
    proxy.inject({ when: isPut, action: 'wrong-etag' })
    const failed = put(storage, 'one', bytes(10))
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow(/ETag 0123456789abcdef.*not to be trusted/)
  })

  it('is confirmed by its size when the server reports no checksum', async () => {
    const storage = await open()
    proxy.inject({ when: () => true, action: 'no-checksum' })
    expect(await put(storage, 'one', bytes(10))).toEqual({ size: 10, checksum: undefined })
    expect(proxy.count('HEAD')).toBe(1)
  })

  it('is a Permanent error, not NotFound, over the quota', async () => {
    const poor = { ...server, ...(await server.createUser(`poor-${bucket}`)) }
    const small = await server.createBucket({ owner: poor })
    await server.setUserQuota(`poor-${bucket}`, { maxBytes: 50_000 })
    await using storage = await openOnServer(poor, { bucket: small })
    const failed = put(storage, 'one', bytes(100_000))
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('QuotaExceeded')
  })
})

describe('a server that ignores If-None-Match', () => {
  it('is found out before anything is overwritten', async () => {
    await using storage = await openOnServer({ ...server, endpoint: proxy.endpoint }, { bucket })
    // what such a server answers to each put
    proxy.inject({ when: isPut, action: { status: 200 } })
    const failed = put(storage, 'one', bytes(10))
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('conditionalWrites')
    expect(proxy.count('PUT', /\/one/)).toBe(0)
  })

  it('is found out in a bucket with versions, where radosgw stores a newer one', async () => {
    const versions = await server.createBucket({ objectLock: true })
    await using storage = await openOnServer(server, { bucket: versions })
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow('conditionalWrites')
    await using single = await openOnServer(server, { bucket: versions, conditionalWrites: false })
    expect(single.capabilities.createIfAbsent).toBe('check-then-write')
    await put(single, 'one', bytes(10))
    await expect(put(single, 'one', bytes(20))).rejects.toThrow(storageErrorWith('AlreadyExists'))
  })

  it('is asked once a storage, and the probe is not listed', async () => {
    await using storage = await openOnServer({ ...server, endpoint: proxy.endpoint }, { bucket })
    await put(storage, 'one', bytes(10))
    await put(storage, 'two', bytes(10))
    expect(proxy.count('PUT', /walr-conditional-write/)).toBe(2)
    expect(await keys()).toEqual(['one', 'two'])
    await using next = await openOnServer({ ...server, endpoint: proxy.endpoint }, { bucket })
    await put(next, 'three', bytes(10))
    expect(proxy.count('PUT', /walr-conditional-write/)).toBe(3)
  })
})

describe('an object in parts', () => {
  it('goes in parts, a few at once, and is confirmed', async () => {
    const storage = await open({ partConcurrency: 2 })
    proxy.inject({ when: isPart, action: { delayMs: 50 } })
    expect(await put(storage, 'large', bytes(22 * MEBIBYTE))).toMatchObject({ size: 22 * MEBIBYTE })
    const parts = proxy.requests.filter(isPart)
    expect(parts.map(({ bytes: sent }) => sent / MEBIBYTE).sort()).toEqual([2, 5, 5, 5, 5])
    expect(atOnce(parts)).toBe(2)
    expect(await uploadsUnderWay()).toBe(0)
  })

  it.each<FaultAction>([{ status: 500, code: 'InternalError' }, 'reset', 'altered-upload', 'lost-answer'])(
    'goes on after a part that met %o',
    async (action) => {
      const storage = await open()
      proxy.inject({ when: isPart, times: 2, action })
      expect(await put(storage, 'large', bytes(11 * MEBIBYTE))).toMatchObject({ size: 11 * MEBIBYTE })
      expect(proxy.requests.filter(isPart)).toHaveLength(5)
    },
  )

  it('goes on after the answer to its completion was lost', async () => {
    const storage = await open()
    proxy.inject({ when: isComplete, times: 1, action: 'lost-answer' })
    expect(await put(storage, 'large', bytes(6 * MEBIBYTE))).toMatchObject({ size: 6 * MEBIBYTE })
  })

  it.each<[string, (request: SeenRequest) => boolean, FaultAction, StorageErrorCode]>([
    ['a part is refused', isPart, { status: 403, code: 'AccessDenied' }, 'AccessDenied'],
    ['a part fails again and again', isPart, { status: 503, code: 'SlowDown' }, 'Transient'],
    ['its completion is refused', isComplete, { status: 412, code: 'PreconditionFailed' }, 'AlreadyExists'],
    ['its completion fails after status 200', isComplete, { status: 200, code: 'InternalError' }, 'Transient'],
  ])('leaves no parts behind when %s', async (_what, when, action, wanted) => {
    const storage = await open()
    proxy.inject({ when, action })
    await expect(put(storage, 'large', bytes(11 * MEBIBYTE))).rejects.toThrow(storageErrorWith(wanted))
    expect(await uploadsUnderWay()).toBe(0)
    expect(await keys()).toEqual([])
  })

  it('leaves no parts behind when it is aborted', async () => {
    const storage = await open()
    proxy.inject({ when: isPart, action: 'hang' })
    const abort = new AbortController()
    const reason = new Error('enough')
    const stopped = expect(put(storage, 'large', bytes(11 * MEBIBYTE), abort.signal)).rejects.toBe(reason)
    await waitFor('a part is under way', () => proxy.requests.some(isPart))
    abort.abort(reason)
    await stopped
    expect(await uploadsUnderWay()).toBe(0)
    expect(await keys()).toEqual([])
  })

  it('is refused before the first part when the key is taken', async () => {
    const storage = await open()
    await put(storage, 'large', bytes(10))
    await expect(put(storage, 'large', bytes(11 * MEBIBYTE))).rejects.toThrow(storageErrorWith('AlreadyExists'))
    expect(proxy.requests.filter(isPart)).toEqual([])
  })

  it('is refused at the end when the key was taken meanwhile', async () => {
    const [storage, other] = [await open(), await openOnServer(server, { bucket })]
    opened.push(other)
    const gate = Promise.withResolvers<undefined>()
    const content = bytes(11 * MEBIBYTE)
    const halting: ByteSource = {
      size: content.length,
      async *open() {
        yield content.subarray(0, 6 * MEBIBYTE)
        await gate.promise
        yield content.subarray(6 * MEBIBYTE)
      },
    }
    const late = expect(
      storage.put('large', halting, { ifAbsent: true, signal: new AbortController().signal }),
    ).rejects.toThrow(storageErrorWith('AlreadyExists'))
    await waitFor('a part is under way', () => proxy.requests.some(isPart))
    await put(other, 'large', bytes(10))
    gate.resolve(undefined)
    await late
    expect((await other.head('large', { signal: new AbortController().signal })).size).toBe(10)
    expect(await uploadsUnderWay()).toBe(0)
  })

  it('is not confirmed when its head has another checksum', async () => {
    const storage = await open()
    proxy.inject({ when: ({ method }) => method === 'HEAD', action: 'wrong-etag' })
    const large = storage.put('large', chunkedSource(bytes(6 * MEBIBYTE)), {
      ifAbsent: false,
      signal: new AbortController().signal,
    })
    await expect(large).rejects.toThrow(storageErrorWith('Transient'))
  })

  it('is refused at once when it is too large for its parts', async () => {
    const storage = await open()
    const huge = { ...chunkedSource(bytes(1)), size: 10_000 * 5 * MEBIBYTE + 1 }
    const failed = storage.put('huge', huge, { ifAbsent: true, signal: new AbortController().signal })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('partSize')
  })
})

/** How many of these were under way at the same moment, at most. */
function atOnce(requests: readonly SeenRequest[]): number {
  return Math.max(
    ...requests.map(
      ({ startedAtMs }) =>
        requests.filter((other) => other.startedAtMs <= startedAtMs && (other.endedAtMs ?? Infinity) > startedAtMs)
          .length,
    ),
  )
}
