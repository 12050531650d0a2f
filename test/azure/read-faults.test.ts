import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Storage, StorageErrorCode } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startAzurite, type Azurite } from '../support/azurite/azurite.ts'
import { startHttpFaultProxy, type FaultAction, type HttpFaultProxy } from '../support/http-fault-proxy.ts'
import { waitFor, within } from '../support/wait-for.ts'
import { openOnServer, type AzureServer } from './open-azure-storage.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'

const SILENCE_MS = 1000
const CONTENT = Buffer.alloc(3 * 1024 ** 2, 'walr')
const signal = new AbortController().signal

let server: Azurite
let behind: AzureServer
let proxy: HttpFaultProxy
let container: string
let storage: Storage
/** Gives up soon. */
let impatient: Storage

beforeAll(async () => {
  server = await startAzurite()
  proxy = await startHttpFaultProxy(new URL(server.endpoint).origin)
  behind = { ...server, endpoint: `${proxy.endpoint}/${server.accountName}` }
  container = await server.createContainer()
  storage = await openOnServer(behind, { container })
  impatient = await openOnServer(behind, { container, requestTimeoutMs: SILENCE_MS })
  await storage.put('present', { size: CONTENT.length, open: () => chunks() }, { ifAbsent: true, signal })
  proxy.clear()
})
afterEach(() => {
  proxy.clear()
})
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

const azure = (status: number, name: string): FaultAction => ({
  status,
  code: name,
  headers: { 'x-ms-error-code': name },
})
const read = async (from: Storage = storage): Promise<Buffer> => buffer(await from.get('present', { signal }))
const isSilence = (action: FaultAction): boolean => action === 'hang' || action === 'stalled-body'
const storageFor = (action: FaultAction): Storage => (isSilence(action) ? impatient : storage)

describe('reading', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    ['short-body', 'Transient'],
    ['stalled-body', 'Transient'],
    ['hang', 'Transient'],
    ['reset', 'Transient'],
    [azure(503, 'ServerBusy'), 'Transient'],
    [{ status: 500 }, 'Transient'],
    [azure(404, 'BlobNotFound'), 'NotFound'],
    [azure(404, 'ContainerNotFound'), 'Permanent'],
    [azure(404, 'ResourceNotFound'), 'Permanent'],
    [{ status: 404 }, 'Permanent'],
    [{ status: 404, body: '<html>BlobNotFound</html>' }, 'Permanent'],
    [azure(403, 'AuthorizationFailure'), 'AccessDenied'],
    [{ status: 401 }, 'AccessDenied'],
    [azure(400, 'InvalidAuthenticationInfo'), 'AccessDenied'],
    [azure(409, 'BlobArchived'), 'Permanent'],
    [azure(418, 'Teapot'), 'Permanent'],
  ])('that meets %o is %s, after one request', async (action, wanted) => {
    proxy.inject({ when: ({ method }) => method === 'GET', action })
    await expect(within('the reading', 30_000, read(storageFor(action)))).rejects.toThrow(storageErrorWith(wanted))
    expect(proxy.requests).toHaveLength(1)
  })

  it('is Transient when the bytes are others than those that were stored', async () => {
    const headers = { etag: '"0x1"', 'content-md5': createHash('md5').update('stored').digest('base64') }
    proxy.inject({ when: ({ method }) => method === 'GET', action: { status: 200, body: 'altered', headers } })
    const failed = read()
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow('MD5')
  })

  it('is not checked where the service knows no MD5', async () => {
    const action = { status: 200, body: 'stored by another program', headers: { etag: '"0x1"' } }
    proxy.inject({ when: ({ method }) => method === 'GET', action })
    expect((await read()).toString()).toBe('stored by another program')
  })

  it('goes on when the reader paused for longer than a connection may be silent', async () => {
    const received: Uint8Array[] = []
    for await (const chunk of await impatient.get('present', { signal })) {
      if (received.length === 0) await delay(1.5 * SILENCE_MS) // what is tested is a time that passes
      received.push(Uint8Array.from(chunk))
    }
    expect(Buffer.concat(received).equals(CONTENT)).toBe(true)
    expect(proxy.count('GET')).toBe(1)
  })

  it('frees the connection when it is left before its first chunk', async () => {
    await using single = await openOnServer(server, { container, maxConnections: 1 })
    const unread = (await single.get('present', { signal }))[Symbol.asyncIterator]()
    await unread.return?.()
    const next = buffer(await within('the next reading', 30_000, single.get('present', { signal })))
    expect((await next).equals(CONTENT)).toBe(true)
  })

  it('ends at once when it is aborted in the middle of a body', async () => {
    await using patient = await openOnServer(behind, { container })
    proxy.inject({ when: ({ method }) => method === 'GET', action: 'stalled-body' })
    const abort = new AbortController()
    const reason = new Error('enough')
    let bytes = 0
    const reading = async (): Promise<void> => {
      for await (const chunk of await patient.get('present', { signal: abort.signal })) bytes += chunk.length
    }
    const stopped = expect(reading()).rejects.toBe(reason)
    await waitFor('half of it has come', () => bytes >= CONTENT.length / 2)
    abort.abort(reason)
    await within('the end', 20_000, stopped)
  })

  it('is Permanent when the server ignores the range', async () => {
    proxy.inject({ when: ({ method }) => method === 'GET', action: { status: 200, headers: { etag: '"0x1"' } } })
    await expect(storage.get('present', { offset: 5, length: 5, signal })).rejects.toThrow(
      storageErrorWith('Permanent'),
    )
  })
})

describe('the head', () => {
  it.each<[FaultAction, StorageErrorCode]>([
    [azure(404, 'BlobNotFound'), 'NotFound'],
    [azure(404, 'ContainerNotFound'), 'Permanent'],
    [{ status: 404 }, 'Permanent'],
    [{ status: 403 }, 'AccessDenied'],
    [{ status: 503 }, 'Transient'],
    [{ status: 400 }, 'Permanent'],
    ['reset', 'Transient'],
    ['hang', 'Transient'],
  ])('that meets %o is %s, after one request', async (action, wanted) => {
    proxy.inject({ when: ({ method }) => method === 'HEAD', action })
    await expect(storageFor(action).head('present', { signal })).rejects.toThrow(storageErrorWith(wanted))
    expect(proxy.requests).toHaveLength(1)
  })
})

describe('a listing', () => {
  const page = (name: string, content: string): FaultAction => ({
    status: 200,
    body: `<EnumerationResults ServiceEndpoint="x" ContainerName="${name}">${content}</EnumerationResults>`,
  })
  const blob = (name: string): string => {
    const properties = '<Last-Modified>Sat, 21 Nov 2026 20:00:00 GMT</Last-Modified><Etag>0x1</Etag>'
    const length = '<Content-Length>1</Content-Length>'
    return `<Blob><Name>${name}</Name><Properties>${properties}${length}</Properties></Blob>`
  }

  it.each<[FaultAction, StorageErrorCode]>([
    [azure(403, 'AuthorizationFailure'), 'AccessDenied'],
    [azure(404, 'ContainerNotFound'), 'Permanent'],
    [azure(500, 'InternalError'), 'Transient'],
    [{ status: 200 }, 'Permanent'],
    [{ status: 200, body: '<html><body>Sign in</body></html>' }, 'Permanent'],
    [{ status: 200, body: 'no XML at all < >' }, 'Permanent'],
    ['short-body', 'Transient'],
    ['hang', 'Transient'],
  ])('that meets %o is %s, never empty', async (action, wanted) => {
    proxy.inject({ when: ({ method }) => method === 'GET', action })
    await expect(Array.fromAsync(storageFor(action).list('', { signal }))).rejects.toThrow(storageErrorWith(wanted))
  })

  it.each([
    ['another container', 'elsewhere', ''],
    ['a wrong order', undefined, `<Blobs>${blob('b')}${blob('a')}</Blobs><NextMarker/>`],
    ['names that were not asked for', undefined, `<Blobs>${blob('x')}</Blobs><NextMarker/>`],
    ['the same page for ever', undefined, '<Blobs></Blobs><NextMarker>again</NextMarker>'],
  ])('of %s is Permanent', async (what, name, content) => {
    proxy.inject({ when: ({ method }) => method === 'GET', action: page(name ?? container, content) })
    const prefix = what.startsWith('names') ? 'a' : ''
    await expect(Array.fromAsync(storage.list(prefix, { signal }))).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('is of one page after another, in the order of UTF-8 also where the pages are in that of UTF-16', async () => {
    const first = `<Blobs>${blob('a')}${blob('b/\u{1f600}')}</Blobs><NextMarker>more</NextMarker>`
    const second = `<Blobs>${blob('b/\uff5e')}${blob('c')}</Blobs><NextMarker/>`
    proxy.inject({ when: ({ path }) => path.includes('marker=more'), action: page(container, second) })
    proxy.inject({ when: () => true, action: page(container, first) })
    const keys = (await Array.fromAsync(storage.list('', { signal }))).map(({ key }) => key)
    expect(keys).toEqual(['a', 'b/\uff5e', 'b/\u{1f600}', 'c'])
  })
})

describe('deleting', () => {
  it('fails when the server could not delete one of the keys', async () => {
    const isFirst = ({ method, path }: { method: string; path: string }) => method === 'DELETE' && path.endsWith('/a')
    proxy.inject({ when: isFirst, action: azure(503, 'ServerBusy') })
    await expect(storage.delete(['a', 'b'], { signal })).rejects.toThrow(storageErrorWith('Transient'))
  })

  it('fails when there are snapshots, and leaves them and the object alone', async () => {
    const blob = server.client().getContainerClient(container).getBlobClient('present')
    await blob.createSnapshot()
    await expect(storage.delete(['present'], { signal })).rejects.toThrow(storageErrorWith('Permanent'))
    expect(await blob.exists()).toBe(true)
  })
})
