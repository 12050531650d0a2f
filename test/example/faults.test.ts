import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import plugin from '../../examples/plugin-storage-http/src/index.ts'
import type { ByteSource, Storage } from '../../packages/core/src/plugins/contract/index.ts'
import {
  startHttpFaultProxy,
  type FaultAction,
  type HttpFaultProxy,
  type SeenRequest,
} from '../support/http-fault-proxy.ts'
import { WEBDAV_USER } from '../support/webdav/apache-configuration.ts'
import { startApache, type WebdavServer } from '../support/webdav/apache.ts'
import { openExample } from './open-example.ts'

const { signal } = new AbortController()
const bytes = Buffer.alloc(300_000, 'walr')

let server: WebdavServer
let proxy: HttpFaultProxy
let storage: Storage
let folders = 0
let folder: string
beforeAll(async () => {
  server = await startApache()
  proxy = await startHttpFaultProxy(server.url)
})
afterAll(async () => {
  await proxy.stop()
  await server.stop()
})
beforeEach(async () => {
  folder = `faults-${(folders += 1)}`
  server.makeFolder(folder)
  proxy.clear()
  storage = await openExample({ url: `${proxy.endpoint}/${folder}`, ...WEBDAV_USER })
})
afterEach(() => storage[Symbol.asyncDispose]())

function source(content: Uint8Array): ByteSource {
  return {
    size: content.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- a source is asynchronous
    open: async function* () {
      for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536)
    },
  }
}

const put = (key: string, ifAbsent = true): Promise<unknown> => storage.put(key, source(bytes), { ifAbsent, signal })

async function read(key: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(await storage.get(key, { signal })))
}

describe('a fault on the way to the server', () => {
  const transient: readonly (readonly [string, FaultAction])[] = [
    ['is cut', 'reset'],
    ['meets a server that is busy', { status: 503 }],
    ['meets a server that is throttled', { status: 429, headers: { 'retry-after': '2' } }],
  ]
  it.each(transient)('is Transient when a PUT %s, and leaves nothing', async (_what, action) => {
    proxy.inject({ when: ({ method }) => method === 'PUT', times: 1, action })
    await expect(put('wal/1')).rejects.toMatchObject({ code: 'Transient' })
    await expect(storage.head('wal/1', { signal })).rejects.toMatchObject({ code: 'NotFound' })
    await put('wal/1')
    expect(await read('wal/1')).toEqual(bytes)
  })

  it('tells how long the server wants to be left alone', async () => {
    proxy.inject({ when: () => true, times: 1, action: { status: 429, headers: { 'retry-after': '2' } } })
    await expect(storage.head('wal/1', { signal })).rejects.toMatchObject({ code: 'Transient', retryAfterMs: 2000 })
  })

  it('is Transient when the answer to a PUT is lost, after which the object is there whole', async () => {
    proxy.inject({ when: ({ method }) => method === 'PUT', times: 1, action: 'lost-answer' })
    await expect(put('wal/1')).rejects.toMatchObject({ code: 'Transient' })
    await expect(put('wal/1')).rejects.toMatchObject({ code: 'AlreadyExists' })
    expect(await read('wal/1')).toEqual(bytes)
  })

  it('is Transient when a body ends early, never a short success', async () => {
    await put('wal/1')
    proxy.inject({ when: ({ method }) => method === 'GET', times: 1, action: 'short-body' })
    await expect(read('wal/1')).rejects.toMatchObject({ code: 'Transient' })
  })

  it('is an error when a list ends early, or is none', async () => {
    await put('wal/1')
    const list = (): Promise<unknown> => Array.fromAsync(storage.list('wal/', { signal }))
    const isList = ({ method, headers }: SeenRequest): boolean => method === 'PROPFIND' && headers['depth'] === '1'
    proxy.inject({ when: isList, times: 1, action: 'short-body' })
    await expect(list()).rejects.toMatchObject({ code: 'Transient' })
    const half = '<D:multistatus xmlns:D="DAV:"><D:response><D:href>/</D:href>'
    proxy.inject({ when: isList, times: 1, action: { status: 207, body: half } })
    await expect(list()).rejects.toMatchObject({ code: 'Permanent' })
    expect(await list()).toHaveLength(1)
  })

  it.each([
    [403, 'AccessDenied'],
    [507, 'Permanent'],
    [501, 'Permanent'],
    [302, 'Permanent'],
    [500, 'Transient'],
  ])('that answers %i is %s for every method, never NotFound', async (status, code) => {
    await put('wal/1')
    proxy.inject({ when: ({ headers }) => headers['depth'] !== '0', action: { status } })
    await expect(put('wal/2', false)).rejects.toMatchObject({ code })
    await expect(read('wal/1')).rejects.toMatchObject({ code })
    proxy.inject({ when: () => true, action: { status } })
    await expect(storage.head('wal/1', { signal })).rejects.toMatchObject({ code })
    await expect(storage.delete(['wal/1'], { signal })).rejects.toMatchObject({ code })
    await expect(Array.fromAsync(storage.list('', { signal }))).rejects.toMatchObject({ code })
  })
})

it('never deletes a folder for an object', async () => {
  await put('wal/1')
  await storage.delete(['wal'], { signal })
  expect(readdirSync(join(server.directory, folder, 'wal'))).toEqual(['1'])
})

it('lists what others have put into the folder', async () => {
  mkdirSync(join(server.directory, folder, 'wal'))
  writeFileSync(join(server.directory, folder, 'wal/foreign'), 'x')
  const [found] = await Array.fromAsync(storage.list('w', { signal }))
  expect(found).toMatchObject({ key: 'wal/foreign', size: 1 })
})

describe('its options', () => {
  it('are told with all their faults at once', () => {
    const wrong = { url: 'ftp://host/', usrname: 'x', password: 5 }
    expect(() => plugin.parseOptions(wrong)).toThrow(
      expect.objectContaining({
        faults: [
          { path: 'usrname', message: 'it is unknown; did you mean username?' },
          { path: 'password', message: 'it is a number; text is expected' },
          expect.objectContaining({ path: 'url' }),
          expect.objectContaining({ path: '' }),
        ],
      }),
    )
  })

  it('are those that its README lists', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../examples/plugin-storage-http/README.md'), 'utf8')
    const section = /^## Options\n([\s\S]*?)^## /m.exec(readme)?.[1] ?? ''
    const rows = [...section.matchAll(/^\| `(\w+)` \| (.+?) \|/gm)].map(([, name, type]) => [name, type])
    const described = plugin.options.map(({ name, type, secret }) => [name, secret === true ? `${type}, secret` : type])
    expect(rows).toEqual(described)
  })

  it('take no password in the URL, and do not show it', () => {
    const url = 'http://walr:hunter22@host/'
    expect(() => plugin.parseOptions({ url })).toThrow(/without a password/)
    expect(() => plugin.parseOptions({ url })).not.toThrow(/hunter22/)
  })
})

describe('a listing', () => {
  it('is an error, and not short, when the base folder goes away in the middle of it', async () => {
    await put('wal/00000001/a')
    await put('wal/00000002/b')
    const gone = ({ method, path }: SeenRequest): boolean => method === 'PROPFIND' && !path.includes('00000001')
    const found: string[] = []
    const listing = async (): Promise<void> => {
      for await (const { key } of storage.list('wal/', { signal })) {
        found.push(key)
        proxy.inject({ when: gone, action: { status: 404 } })
      }
    }
    await expect(listing()).rejects.toMatchObject({ code: 'Permanent' })
    expect(found).toEqual(['wal/00000001/a'])
  })

  it('goes on when somebody removes a folder meanwhile', async () => {
    await put('wal/00000001/a')
    await put('wal/00000002/b')
    const gone = ({ method, path }: SeenRequest): boolean => method === 'PROPFIND' && path.includes('00000002')
    proxy.inject({ when: gone, action: { status: 404 } })
    const keys = (await Array.fromAsync(storage.list('wal/', { signal }))).map(({ key }) => key)
    expect(keys).toEqual(['wal/00000001/a'])
  })
})
