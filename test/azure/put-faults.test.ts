import { createHash } from 'node:crypto'
import { isStorageError, type ByteSource, type Storage, type StorageErrorCode } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startAzurite, type Azurite } from '../support/azurite/azurite.ts'
import {
  startHttpFaultProxy,
  type FaultAction,
  type HttpFaultProxy,
  type SeenRequest,
} from '../support/http-fault-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { openOnServer } from './open-azure-storage.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'
import { chunkedSource } from '../support/byte-source.ts'

const MEBIBYTE = 1024 ** 2
const BLOCK = 256 * 1024
const LARGE = 3 * BLOCK + 1000

let server: Azurite
let proxy: HttpFaultProxy
let container: string
const opened: Storage[] = []

beforeAll(async () => {
  server = await startAzurite()
  proxy = await startHttpFaultProxy(new URL(server.endpoint).origin)
})
beforeEach(async () => {
  container = await server.createContainer()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage[Symbol.asyncDispose]()
  proxy.clear()
})
afterAll(async () => {
  await proxy.stop()
  await server.stop()
})

/** Opens a storage behind the proxy. */
async function open(options: Readonly<Record<string, unknown>> = {}): Promise<Storage> {
  const behind = { ...server, endpoint: `${proxy.endpoint}/${server.accountName}` }
  const storage = await openOnServer(behind, { container, blockSize: BLOCK, ...options })
  opened.push(storage)
  return storage
}

function bytes(size: number): Buffer {
  return Buffer.alloc(size, 'walr')
}

/** Gives the rest of its bytes when `open` was called. */
function gatedSource(content: Buffer, first: number): { readonly source: ByteSource; readonly open: () => void } {
  const gate = Promise.withResolvers<undefined>()
  const open = async function* () {
    yield content.subarray(0, first)
    await gate.promise
    yield content.subarray(first)
  }
  return {
    source: { size: content.length, open },
    open: () => {
      gate.resolve(undefined)
    },
  }
}

function put(storage: Storage, key: string, content: Buffer, signal: AbortSignal = new AbortController().signal) {
  return storage.put(key, chunkedSource(content), { ifAbsent: true, signal })
}

function replace(storage: Storage, key: string, content: Buffer) {
  return storage.put(key, chunkedSource(content), { ifAbsent: false, signal: new AbortController().signal })
}

async function read(key: string): Promise<Buffer> {
  return server.client().getContainerClient(container).getBlobClient(key).downloadToBuffer()
}

async function keys(): Promise<readonly string[]> {
  await using storage = await openOnServer(server, { container })
  const found = await Array.fromAsync(storage.list('', { signal: new AbortController().signal }))
  return found.map(({ key }) => key)
}

const azure = (status: number, name: string, headers: Readonly<Record<string, string>> = {}): FaultAction => ({
  status,
  code: name,
  headers: { 'x-ms-error-code': name, ...headers },
})
const isBlock = ({ method, path }: SeenRequest): boolean => method === 'PUT' && /[?&]comp=block(&|$)/.test(path)
const isCommit = ({ method, path }: SeenRequest): boolean => method === 'PUT' && path.includes('comp=blocklist')
const isPut = (seen: SeenRequest): boolean => seen.method === 'PUT' && !isBlock(seen) && !isCommit(seen)
const isHead = ({ method }: SeenRequest): boolean => method === 'HEAD'

describe('an object that fits into one block', () => {
  it.each([undefined, 200_000])('takes one request with length, MD5 and condition (size %s)', async (size) => {
    const storage = await open()
    const signal = new AbortController().signal
    const confirmation = await storage.put('one', chunkedSource(bytes(200_000), size), { ifAbsent: true, signal })
    const md5 = createHash('md5').update(bytes(200_000)).digest()
    expect(confirmation).toEqual({ size: 200_000, checksum: { algorithm: 'md5', value: md5.toString('hex') } })
    expect(proxy.requests).toHaveLength(1)
    const [{ headers, bytes: sent } = { headers: {}, bytes: 0 }] = proxy.requests
    expect(sent).toBe(200_000)
    expect(headers).toMatchObject({
      'content-length': '200000',
      'content-md5': md5.toString('base64'),
      'x-ms-blob-content-md5': md5.toString('base64'),
      'if-none-match': '*',
    })
  })

  it('carries no condition when it may replace', async () => {
    const storage = await open()
    await put(storage, 'one', bytes(10))
    expect(await replace(storage, 'one', bytes(20))).toMatchObject({ size: 20 })
    expect(proxy.requests.at(-1)?.headers).not.toHaveProperty('if-none-match')
  })

  it.each<[FaultAction, StorageErrorCode]>([
    [azure(403, 'AuthenticationFailed'), 'AccessDenied'],
    [azure(403, 'AuthorizationPermissionMismatch'), 'AccessDenied'],
    [azure(404, 'ContainerNotFound'), 'Permanent'],
    [azure(409, 'BlobAlreadyExists'), 'AlreadyExists'],
    [azure(412, 'ConditionNotMet'), 'AlreadyExists'],
    [azure(409, 'ContainerBeingDeleted'), 'Permanent'],
    [azure(409, 'BlobImmutableDueToPolicy'), 'Permanent'],
    [azure(412, 'LeaseIdMissing'), 'Permanent'],
    [azure(400, 'Md5Mismatch'), 'Transient'],
    [azure(500, 'OperationTimedOut'), 'Transient'],
    [azure(503, 'ServerBusy'), 'Transient'],
    [{ status: 409 }, 'Permanent'],
    [{ status: 429 }, 'Transient'],
    [{ status: 502, body: '<html>a gateway</html>' }, 'Transient'],
    ['reset', 'Transient'],
    ['hang', 'Transient'],
    ['altered-upload', 'Transient'],
  ])('is %o: the put is %s after one request, and nothing is stored', async (action, wanted) => {
    const storage = await open(action === 'hang' ? { requestTimeoutMs: 500 } : {})
    proxy.inject({ when: isPut, action })
    await expect(put(storage, 'one', bytes(100_000))).rejects.toThrow(storageErrorWith(wanted))
    expect(proxy.requests).toHaveLength(1)
    expect(await keys()).toEqual([])
  })

  it('tells how long the server asks to be left alone', async () => {
    const storage = await open()
    proxy.inject({ when: isPut, action: azure(503, 'ServerBusy', { 'retry-after': '7' }) })
    await expect(put(storage, 'one', bytes(10))).rejects.toMatchObject({ code: 'Transient', retryAfterMs: 7000 })
  })

  it('is AlreadyExists at the next try when the answer was lost', async () => {
    const storage = await open()
    proxy.inject({ when: isPut, times: 1, action: 'lost-answer' })
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow(storageErrorWith('Transient'))
    await expect(put(storage, 'one', bytes(10))).rejects.toThrow(storageErrorWith('AlreadyExists'))
  })

  it('ends at once when it is aborted', async () => {
    const storage = await open()
    proxy.inject({ when: isPut, action: 'hang' })
    const abort = new AbortController()
    const reason = new Error('enough')
    const stopped = expect(put(storage, 'one', bytes(10), abort.signal)).rejects.toBe(reason)
    await waitFor('the put is under way', () => proxy.requests.some(isPut))
    abort.abort(reason)
    await stopped
    expect(await keys()).toEqual([])
  })

  it('is not confirmed when the server reports another MD5 than was sent', async () => {
    const storage = await open()
    const headers = { 'content-md5': createHash('md5').update('other').digest('base64'), etag: '"0x1"' }
    proxy.inject({ when: isPut, action: { status: 201, headers } })
    const failed = put(storage, 'one', bytes(10))
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow(/MD5 [0-9a-f]{32}.*not to be trusted/)
  })

  it('is confirmed by its head when the server reports no MD5', async () => {
    const storage = await open()
    await put(storage, 'one', bytes(10))
    proxy.inject({ when: isPut, action: { status: 201, headers: { etag: '"0x1"' } } })
    expect(await replace(storage, 'one', bytes(10))).toMatchObject({ size: 10, checksum: { algorithm: 'md5' } })
    expect(proxy.count('HEAD')).toBe(1)
    await expect(replace(storage, 'one', bytes(11))).rejects.toThrow(/size 10 .* sent has 11/)
    await expect(replace(storage, 'absent', bytes(11))).rejects.toThrow(storageErrorWith('Transient'))
  })
})

describe('an object in blocks', () => {
  it.each([undefined, LARGE])('goes in blocks, a few at once, and is confirmed by its head (size %s)', async (size) => {
    const storage = await open({ blockConcurrency: 2 })
    proxy.inject({ when: isBlock, action: { delayMs: 50 } })
    const signal = new AbortController().signal
    const confirmation = await storage.put('large', chunkedSource(bytes(LARGE), size), { ifAbsent: true, signal })
    expect(confirmation).toEqual({ size: LARGE, checksum: undefined })
    const blocks = proxy.requests.filter(isBlock)
    expect(blocks.map(({ bytes: sent }) => sent).sort((a, b) => a - b)).toEqual([1000, BLOCK, BLOCK, BLOCK])
    expect(blocks.every(({ headers }) => headers['content-md5'] !== undefined)).toBe(true)
    expect(atOnce(blocks)).toBe(2)
    const commit = proxy.requests.find(isCommit)
    const md5 = createHash('md5').update(bytes(LARGE)).digest('base64')
    expect(commit?.headers).toMatchObject({ 'if-none-match': '*', 'x-ms-blob-content-md5': md5 })
    expect(commit?.headers).toHaveProperty('content-md5')
    expect(proxy.requests.at(-1)?.method).toBe('HEAD')
    expect((await read('large')).equals(bytes(LARGE))).toBe(true)
  })

  it('of exactly some full blocks has no empty one', async () => {
    const storage = await open()
    const signal = new AbortController().signal
    await storage.put('large', { ...chunkedSource(bytes(2 * BLOCK)), size: undefined }, { ifAbsent: true, signal })
    expect(proxy.requests.filter(isBlock).map(({ bytes: sent }) => sent)).toEqual([BLOCK, BLOCK])
  })

  it.each<FaultAction>([azure(500, 'InternalError'), 'reset', 'altered-upload', 'lost-answer'])(
    'goes on after a block that met %o',
    async (action) => {
      const storage = await open()
      proxy.inject({ when: isBlock, times: 2, action })
      expect(await put(storage, 'large', bytes(LARGE))).toMatchObject({ size: LARGE })
      expect(proxy.requests.filter(isBlock)).toHaveLength(6)
      expect((await read('large')).equals(bytes(LARGE))).toBe(true)
    },
  )

  it('knows its own end again when the answer to it was lost', async () => {
    const storage = await open()
    proxy.inject({ when: isCommit, times: 1, action: 'lost-answer' })
    expect(await put(storage, 'large', bytes(LARGE))).toMatchObject({ size: LARGE })
    expect(proxy.requests.filter(isCommit)).toHaveLength(2)
  })

  it('does not take the end of another writer for its own', async () => {
    const [storage, other] = [await open(), await openOnServer(server, { container, blockSize: BLOCK })]
    opened.push(other)
    proxy.inject({ when: isCommit, times: 1, action: azure(500, 'InternalError') })
    const gated = gatedSource(bytes(LARGE), 2 * BLOCK)
    const signal = new AbortController().signal
    const late = expect(storage.put('large', gated.source, { ifAbsent: true, signal })).rejects.toThrow(
      storageErrorWith('AlreadyExists'),
    )
    await waitFor('a block is under way', () => proxy.requests.some(isBlock))
    await put(other, 'large', bytes(2 * BLOCK + 5))
    gated.open()
    await late
    expect((await read('large')).length).toBe(2 * BLOCK + 5)
  })

  it.each<[string, (request: SeenRequest) => boolean, FaultAction, StorageErrorCode]>([
    ['a block is refused', isBlock, azure(403, 'AuthorizationFailure'), 'AccessDenied'],
    ['a block fails again and again', isBlock, azure(503, 'ServerBusy', { 'retry-after': '0' }), 'Transient'],
    ['the blocks of another program are in the way', isBlock, azure(400, 'InvalidBlobOrBlock'), 'Permanent'],
    ['its end is refused', isCommit, azure(409, 'BlobAlreadyExists'), 'AlreadyExists'],
    ['its blocks are gone at its end', isCommit, azure(400, 'InvalidBlockList', { 'retry-after': '0' }), 'Transient'],
    ['the container vanishes', isCommit, azure(404, 'ContainerNotFound'), 'Permanent'],
    ['its end never answers', isCommit, 'hang', 'Transient'],
  ])('leaves nothing visible when %s', async (_what, when, action, wanted) => {
    const storage = await open(action === 'hang' ? { requestTimeoutMs: 500 } : {})
    proxy.inject({ when, action })
    await expect(put(storage, 'large', bytes(LARGE))).rejects.toThrow(storageErrorWith(wanted))
    expect(await keys()).toEqual([])
  })

  it('leaves nothing visible when it is aborted, and has no request under way then', async () => {
    const storage = await open()
    proxy.inject({ when: isBlock, action: 'hang' })
    const abort = new AbortController()
    const reason = new Error('enough')
    const stopped = expect(put(storage, 'large', bytes(LARGE), abort.signal)).rejects.toBe(reason)
    await waitFor('a block is under way', () => proxy.requests.some(isBlock))
    abort.abort(reason)
    await stopped
    expect(await keys()).toEqual([])
    proxy.clear()
    expect(await put(storage, 'large', bytes(LARGE))).toMatchObject({ size: LARGE })
  })

  it('is refused before the first block when the key is taken', async () => {
    const storage = await open()
    await put(storage, 'large', bytes(10))
    await expect(put(storage, 'large', bytes(LARGE))).rejects.toThrow(storageErrorWith('AlreadyExists'))
    expect(proxy.requests.filter(isBlock)).toEqual([])
  })

  it('is refused at the end when the key was taken meanwhile, also where that discards its blocks', async () => {
    const [storage, other] = [await open(), await openOnServer(server, { container })]
    opened.push(other)
    const gated = gatedSource(bytes(LARGE), 2 * BLOCK)
    const signal = new AbortController().signal
    const late = expect(storage.put('large', gated.source, { ifAbsent: true, signal })).rejects.toThrow(
      storageErrorWith('AlreadyExists'),
    )
    await waitFor('a block is under way', () => proxy.requests.some(isBlock))
    await replace(other, 'large', bytes(10)) // azurite takes blocks under way for an object
    gated.open()
    await late
    expect((await other.head('large', { signal })).size).toBe(10)
    proxy.inject({ when: isHead, times: 1, action: azure(404, 'BlobNotFound') })
    proxy.inject({ when: isCommit, action: azure(400, 'InvalidBlockList') })
    await expect(put(storage, 'large', bytes(LARGE))).rejects.toThrow(storageErrorWith('AlreadyExists'))
  })

  it('is that of one writer when several replace it at once', async () => {
    const storage = await open()
    const contents = [1, 2, 3].map((number) => Buffer.alloc(LARGE + number, `writer ${number}`))
    const results = await Promise.allSettled(contents.map((content) => replace(storage, 'large', content)))
    const found = await read('large')
    expect(contents.filter((content) => content.equals(found))).toHaveLength(1)
    for (const result of results) {
      if (result.status === 'rejected') expect(isStorageError(result.reason, 'Transient')).toBe(true)
    }
  })

  it.each([
    ['size', { 'content-length': '7' }],
    ['MD5', { 'content-length': String(LARGE), 'content-md5': createHash('md5').update('other').digest('base64') }],
  ])('is not confirmed when its head has another %s', async (what, more) => {
    const storage = await open()
    const headers = { etag: '"0x1"', 'last-modified': new Date().toUTCString(), ...more }
    proxy.inject({ when: isHead, action: { status: 200, headers } })
    const failed = replace(storage, 'large', bytes(LARGE))
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow(new RegExp(`${what} .*not to be trusted`))
  })

  it('is refused at once when it is too large for its blocks', async () => {
    const storage = await open()
    const huge = { ...chunkedSource(bytes(1)), size: 50_000 * BLOCK + 1 }
    const failed = storage.put('huge', huge, { ifAbsent: true, signal: new AbortController().signal })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('blockSize')
    expect(proxy.requests).toEqual([])
  })
})

describe('a storage', () => {
  it('leaves no connection behind when it is closed in the middle of its work', async () => {
    const storage = await open()
    await put(storage, 'one', bytes(MEBIBYTE))
    proxy.inject({ when: isBlock, action: 'hang' })
    const ended = expect(put(storage, 'large', bytes(LARGE))).rejects.toThrow('the storage was closed')
    await waitFor('two blocks are under way', () => proxy.requests.filter(isBlock).length >= 2)
    const before = openSockets()
    expect(before).toBeGreaterThan(0)
    await storage[Symbol.asyncDispose]()
    await ended
    await waitFor('its connections are gone', () => openSockets() <= before - 2)
  })
})

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

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
