import type { Storage, StorageErrorCode } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { crc32cOf } from '../support/fake-gcs/castagnoli.ts'
import { startFakeGcs, type FakeGcs } from '../support/fake-gcs/fake-gcs.ts'
import {
  startHttpFaultProxy,
  type FaultAction,
  type HttpFaultProxy,
  type SeenRequest,
} from '../support/http-fault-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import {
  isBegin,
  isCancel,
  isChunk,
  isHead,
  isLastChunk,
  isQuestion,
  isSingle,
  patienceFor,
  refusal,
} from './gcs-requests.ts'
import { openAt } from './open-gcs-storage.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'
import { chunkedSource } from '../support/byte-source.ts'

const MEBIBYTE = 1024 ** 2
const never = new AbortController().signal

let server: FakeGcs
let proxy: HttpFaultProxy
let bucket: string
const opened: Storage[] = []

beforeAll(async () => {
  server = await startFakeGcs()
  proxy = await startHttpFaultProxy(server.endpoint)
})
beforeEach(async () => {
  bucket = await server.createBucket()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage[Symbol.asyncDispose]()
  await server.command('damageUploads', false)
  await server.command('misreportChecksum', undefined)
  proxy.clear()
})
afterAll(async () => {
  await proxy.stop()
  await server.stop()
})

async function open(options: Readonly<Record<string, unknown>> = {}, endpoint = proxy.endpoint): Promise<Storage> {
  const storage = await openAt(endpoint, { bucket, ...options })
  opened.push(storage)
  return storage
}

function bytes(size: number): Buffer {
  return Buffer.alloc(size, 'walr')
}

function put(storage: Storage, key: string, content: Buffer, signal: AbortSignal = never) {
  return storage.put(key, chunkedSource(content), { ifAbsent: true, signal })
}

async function keys(): Promise<readonly string[]> {
  await using storage = await openAt(server.endpoint, { bucket })
  return (await Array.fromAsync(storage.list('', { signal: never }))).map(({ key }) => key)
}

async function uploadsUnderWay(): Promise<number> {
  return server.command('uploadsUnderWay', undefined)
}

describe('an object that fits into one chunk', () => {
  it.each([undefined, 1_000_000])(
    'takes one request with its length, checksum and condition (size %s)',
    async (size) => {
      const storage = await open()
      const checksum = Buffer.from(crc32cOf(bytes(1_000_000)), 'base64').toString('hex')
      const confirmation = await storage.put('one', chunkedSource(bytes(1_000_000), size), {
        ifAbsent: true,
        signal: never,
      })
      expect(confirmation).toEqual({ size: 1_000_000, checksum: { algorithm: 'crc32c', value: checksum } })
      expect(proxy.requests).toHaveLength(1)
      const { path, headers, bytes: sent } = proxy.requests.find(isSingle) ?? { path: '', headers: {}, bytes: 0 }
      expect(path).toContain('ifGenerationMatch=0')
      expect(Number(headers['content-length'])).toBe(sent)
      expect(headers).not.toHaveProperty('transfer-encoding')
    },
  )

  it.each<[FaultAction, StorageErrorCode]>([
    [refusal(401, 'authError'), 'AccessDenied'],
    [refusal(403, 'forbidden'), 'AccessDenied'],
    [refusal(403, 'rateLimitExceeded'), 'Transient'],
    [refusal(403, 'quotaExceeded'), 'Permanent'],
    [refusal(403, 'retentionPolicyNotMet'), 'Permanent'],
    [refusal(404, 'notFound'), 'Permanent'],
    [refusal(409, 'conflict'), 'Transient'],
    [refusal(412, 'conditionNotMet'), 'AlreadyExists'],
    [refusal(412, 'orgPolicyConstraintFailed'), 'Permanent'],
    [refusal(429, 'rateLimitExceeded'), 'Transient'],
    [refusal(500, 'internalError'), 'Transient'],
    [refusal(503, 'backendError'), 'Transient'],
    [{ status: 412, body: '<html>not of the storage</html>' }, 'Permanent'],
    [{ status: 200, body: '<html>a portal</html>' }, 'Permanent'],
    [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'Permanent'],
    [{ status: 502 }, 'Transient'],
    ['reset', 'Transient'],
    ['hang', 'Transient'],
  ])('is %o: the put is %s, and nothing is stored', async (action, wanted) => {
    const storage = await open(patienceFor(action))
    proxy.inject({ when: isSingle, action })
    await expect(put(storage, 'one', bytes(100_000))).rejects.toThrow(storageErrorWith(wanted))
    expect(await keys()).toEqual([])
    expect(proxy.requests.filter(isSingle)).toHaveLength(1)
  })

  it('is Transient when it is altered on the way: the server refuses it', async () => {
    const storage = await open()
    await server.command('damageUploads', true)
    const failed = put(storage, 'one', bytes(100_000))
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow('CRC32C')
    expect(await keys()).toEqual([])
  })

  it('tells how long the server asks to be left alone', async () => {
    const storage = await open()
    proxy.inject({ when: isSingle, action: refusal(429, 'rateLimitExceeded', { headers: { 'retry-after': '7' } }) })
    await expect(put(storage, 'one', bytes(10))).rejects.toMatchObject({ code: 'Transient', retryAfterMs: 7000 })
  })

  it('is AlreadyExists at the next try when the answer was lost', async () => {
    const storage = await open()
    proxy.inject({ when: isSingle, times: 1, action: 'lost-answer' })
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow(storageErrorWith('Transient'))
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow(storageErrorWith('AlreadyExists'))
  })

  it.each([10, 3 * MEBIBYTE])(
    'is not confirmed, and is removed, when the server reports another checksum (%i bytes)',
    async (size) => {
      const storage = await open()
      await server.command('misreportChecksum', 'AAAAAA==')
      const failed = put(storage, 'one', bytes(size))
      await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
      await expect(failed).rejects.toThrow(/CRC32C AAAAAA==.*it was removed/)
      expect(await keys()).toEqual([])
    },
  )

  it('says so when what is not confirmed cannot be removed', async () => {
    const storage = await open()
    await server.command('misreportChecksum', 'AAAAAA==')
    proxy.inject({ when: ({ method }) => method === 'DELETE', action: refusal(403, 'forbidden') })
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow('not to be trusted')
  })

  it('is asked for when the answer tells nothing about it', async () => {
    const storage = await open()
    proxy.inject({ when: isSingle, times: 1, action: { status: 200, body: '{}' } })
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow(/absent just after/)
    expect(proxy.requests.filter(isHead)).toHaveLength(1)
  })
})

describe('an object in chunks', () => {
  it('goes one chunk after another, with a checksum at the end, and is confirmed', async () => {
    const storage = await open()
    const content = bytes(3 * MEBIBYTE + 5)
    expect(await put(storage, 'large', content)).toMatchObject({
      size: content.length,
      checksum: { algorithm: 'crc32c' },
    })
    const ranges = proxy.requests.filter(isChunk).map(({ headers }) => headers['content-range'])
    expect(ranges).toEqual([
      'bytes 0-1048575/*',
      'bytes 1048576-2097151/*',
      'bytes 2097152-3145727/*',
      'bytes 3145728-3145732/3145733',
    ])
    expect(proxy.requests.filter(isLastChunk).map(({ headers }) => headers['x-goog-hash'])).toEqual([
      expect.stringMatching(/^crc32c=.{6}==$/),
    ])
    expect(proxy.requests.some(isQuestion)).toBe(false)
    expect(await uploadsUnderWay()).toBe(0)
  })

  it.each<[string, (seen: SeenRequest) => boolean, FaultAction]>([
    ['a chunk meets a 503', isChunk, refusal(503, 'backendError')],
    ['a chunk meets a limit of rate', isChunk, refusal(429, 'rateLimitExceeded')],
    ['the connection is cut before a chunk', isChunk, 'reset'],
    ['the answer to a chunk is lost', isChunk, 'lost-answer'],
    ['the answer to the last chunk is lost', isLastChunk, 'lost-answer'],
    ['a question is not answered either', (seen) => isChunk(seen) || isQuestion(seen), 'reset'],
  ])('goes on where the server is when %s', async (_what, when, action) => {
    const storage = await open()
    const content = bytes(3 * MEBIBYTE)
    proxy.inject({ when, times: 2, action })
    expect(await put(storage, 'large', content)).toMatchObject({ size: content.length })
    expect(proxy.requests.filter(isQuestion).length).toBeGreaterThan(0)
    await using other = await openAt(server.endpoint, { bucket })
    const read = await Array.fromAsync(await other.get('large', { signal: never }))
    expect(Buffer.concat(read).equals(content)).toBe(true)
  })

  it('sends only the rest when the server took a part of a chunk', async () => {
    const storage = await open()
    await server.command('takeOfNextChunk', 256 * 1024)
    expect(await put(storage, 'large', bytes(2 * MEBIBYTE))).toMatchObject({ size: 2 * MEBIBYTE })
    const [first, second] = proxy.requests.filter(isChunk).map(({ headers }) => headers['content-range'])
    expect([first, second]).toEqual(['bytes 0-1048575/*', 'bytes 262144-1048575/*'])
  })

  it.each<[string, (seen: SeenRequest) => boolean, FaultAction, StorageErrorCode]>([
    ['a chunk is refused', isChunk, refusal(403, 'forbidden'), 'AccessDenied'],
    [
      'a chunk fails again and again',
      isChunk,
      refusal(503, 'backendError', { headers: { 'retry-after': '0' } }),
      'Transient',
    ],
    ['its end is refused', isLastChunk, refusal(412, 'conditionNotMet'), 'AlreadyExists'],
    ['the server forgot the upload', isChunk, refusal(410, 'gone'), 'Transient'],
    [
      'the server says it has more than was sent',
      isChunk,
      { status: 308, headers: { range: 'bytes=0-99999999' } },
      'Transient',
    ],
    ['the server takes nothing', isChunk, { status: 308 }, 'Transient'],
    ['the server makes no sense', isChunk, { status: 308, headers: { range: 'all' } }, 'Permanent'],
  ])('is cancelled when %s', async (_what, when, action, wanted) => {
    const storage = await open()
    proxy.inject({ when, action })
    await expect(put(storage, 'large', bytes(3 * MEBIBYTE))).rejects.toThrow(storageErrorWith(wanted))
    expect(proxy.requests.filter(isCancel)).toHaveLength(1)
    expect(await uploadsUnderWay()).toBe(0)
    expect(await keys()).toEqual([])
  })

  it('is refused at its end when a chunk was altered on the way', async () => {
    const storage = await open()
    proxy.inject({ when: isChunk, times: 1, action: 'altered-upload' })
    const failed = put(storage, 'large', bytes(2 * MEBIBYTE))
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow('CRC32C')
    expect(await uploadsUnderWay()).toBe(0)
    expect(await keys()).toEqual([])
  })

  it('is cancelled when it is aborted, at once', async () => {
    const storage = await open()
    proxy.inject({ when: isChunk, action: 'hang' })
    const abort = new AbortController()
    const reason = new Error('enough')
    const stopped = expect(put(storage, 'large', bytes(3 * MEBIBYTE), abort.signal)).rejects.toBe(reason)
    await waitFor('a chunk is under way', () => proxy.requests.some(isChunk))
    abort.abort(reason)
    await stopped
    expect(await uploadsUnderWay()).toBe(0)
    expect(await keys()).toEqual([])
  })

  it('is cancelled when the storage is disposed of, and no connection stays open', async () => {
    const storage = await openAt(server.endpoint, { bucket })
    const hang = { size: undefined, open: () => slowly(bytes(2 * MEBIBYTE)) }
    const ended = expect(storage.put('large', hang, { ifAbsent: true, signal: never })).rejects.toThrow(
      storageErrorWith('Permanent'),
    )
    await waitFor('an upload is under way', async () => (await uploadsUnderWay()) === 1)
    await storage[Symbol.asyncDispose]()
    await ended
    expect(await uploadsUnderWay()).toBe(0)
    await waitFor('all connections are closed', async () => (await ownConnections()) === 0)
  })

  it('is refused before its first chunk when the key is taken', async () => {
    const storage = await open()
    await put(storage, 'large', bytes(10))
    await expect(put(storage, 'large', bytes(3 * MEBIBYTE))).rejects.toThrow(storageErrorWith('AlreadyExists'))
    expect(proxy.requests.filter(isChunk)).toEqual([])
  })

  it('is refused at its end when the key was taken meanwhile', async () => {
    const [storage, other] = [await open(), await open({}, server.endpoint)]
    let release: (() => void) | undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const late = expect(
      storage.put(
        'large',
        { size: undefined, open: () => slowly(bytes(2 * MEBIBYTE), held) },
        { ifAbsent: true, signal: never },
      ),
    ).rejects.toThrow(storageErrorWith('AlreadyExists'))
    await waitFor('an upload is under way', async () => (await uploadsUnderWay()) === 1)
    await put(other, 'large', bytes(10))
    release?.()
    await late
    expect((await other.head('large', { signal: never })).size).toBe(10)
    expect(await uploadsUnderWay()).toBe(0)
  })

  it('is Transient when its beginning hangs', async () => {
    const storage = await open(patienceFor('hang'))
    proxy.inject({ when: isBegin, action: 'hang' })
    await expect(put(storage, 'large', bytes(3 * MEBIBYTE))).rejects.toThrow(storageErrorWith('Transient'))
  })

  it('is refused at once when it is larger than any object can be', async () => {
    const storage = await open()
    const huge = { ...chunkedSource(bytes(1)), size: 5 * 1024 ** 4 + 1 }
    await expect(storage.put('huge', huge, { ifAbsent: true, signal: never })).rejects.toThrow(
      storageErrorWith('Permanent'),
    )
    expect(proxy.requests).toEqual([])
  })
})

/** Gives the content, and ends when it is told to. */
async function* slowly(content: Buffer, until = new Promise<void>(() => undefined)): AsyncGenerator<Buffer> {
  yield content
  await until
  yield Buffer.from('end')
}

/** Connections to the fake, without the proxy's. */
async function ownConnections(): Promise<number> {
  await proxy.stop()
  proxy = await startHttpFaultProxy(server.endpoint)
  return server.command('connections', undefined)
}
