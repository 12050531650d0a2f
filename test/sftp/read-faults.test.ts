import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { ByteSource, Storage } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'
import { startSshFaultProxy, type LineFault, type SshFaultProxy } from '../support/sshd/ssh-fault-proxy.ts'
import { waitFor, within } from '../support/wait-for.ts'
import { openOnServer } from './open-sftp-storage.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'

const CONTENT = Buffer.alloc(8 * 1024 ** 2, 'walr')
const signal = new AbortController().signal

let server: Sshd
let proxy: SshFaultProxy
let directory: string
let storage: Storage

beforeAll(async () => {
  server = await startSshd()
  proxy = await startSshFaultProxy(server.port)
  directory = server.makeFolder()
  storage = await openOnServer(server, { directory, port: proxy.port, maxConnections: 1, requestTimeoutMs: 500 })
  for (const [key, content] of [
    ['present', CONTENT],
    ['small', CONTENT.subarray(0, 100)],
  ] as const) {
    await storage.put(key, sourceOf(content), { ifAbsent: true, signal })
  }
})
/** Faults are to meet a connection that is there. */
beforeEach(() => waitFor('a connection', async () => (await storage.head('small', { signal })).size > 0))
afterEach(() => proxy.clear())
afterAll(async () => {
  await storage[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

function sourceOf(content: Buffer): ByteSource {
  const open = async function* () {
    await Promise.resolve()
    yield content
  }
  return { size: content.length, bytes: content, open }
}

const read = async (key: string, from: Storage = storage): Promise<Buffer> => buffer(await from.get(key, { signal }))

const faults: readonly LineFault[] = [
  { direction: 'down', afterBytes: 1, action: 'reset' },
  { direction: 'down', afterBytes: 1, action: 'hang' },
  { direction: 'down', afterBytes: 1, action: 'alter' },
  { direction: 'up', afterBytes: 1, action: 'swallow' },
]

describe('reading', () => {
  it.each<LineFault>([
    ...faults,
    { direction: 'down', afterBytes: 1_000_000, action: 'reset' },
    { direction: 'down', afterBytes: 1_000_000, action: 'hang' },
    { direction: 'down', afterBytes: 1_000_000, action: 'alter' },
  ])(
    'that meets $action after $afterBytes bytes $direction is Transient, and the next one goes well',
    async (fault) => {
      proxy.inject(fault)
      await expect(within('the reading', 10_000, read('present'))).rejects.toThrow(storageErrorWith('Transient'))
      proxy.clear()
      expect((await read('present')).equals(CONTENT)).toBe(true)
    },
  )

  it('goes on when the reader paused for longer than the server may be silent', async () => {
    const received: Uint8Array[] = []
    for await (const chunk of await storage.get('present', { signal })) {
      if (received.length === 0) await delay(1000) // what is tested is a time that passes
      received.push(Uint8Array.from(chunk))
    }
    expect(Buffer.concat(received).equals(CONTENT)).toBe(true)
  })

  it('goes on over a line that is slow, for longer than the server may be silent', async () => {
    await using slow = await startSshFaultProxy(server.port, { bytesPerSecond: 4_000_000 })
    await using patient = await openOnServer(server, { directory, port: slow.port, requestTimeoutMs: 900 })
    const startedAtMs = performance.now()
    expect((await read('present', patient)).equals(CONTENT)).toBe(true)
    expect(performance.now() - startedAtMs).toBeGreaterThan(900)
  })

  it('is aborted at once in the middle of a silent line', async () => {
    await using patient = await openOnServer(server, { directory, port: proxy.port })
    const abort = new AbortController()
    const reason = new Error('enough')
    const chunks = (await patient.get('present', { signal: abort.signal }))[Symbol.asyncIterator]()
    await chunks.next()
    proxy.inject({ direction: 'down', afterBytes: 1, action: 'hang' })
    const drained = expect(
      (async () => {
        while ((await chunks.next()).done !== true);
      })(),
    ).rejects.toBe(reason)
    await waitFor('the line is silent', () => proxy.passed('down') > 0)
    abort.abort(reason)
    await within('the reading', 10_000, drained)
  })

  it('is Transient when the file became shorter meanwhile', async () => {
    const path = join(directory, 'shrinking')
    await storage.put('shrinking', sourceOf(CONTENT), { ifAbsent: false, signal })
    const chunks = await storage.get('shrinking', { signal })
    truncateSync(path, 3_000_000)
    await expect(buffer(chunks)).rejects.toThrow(storageErrorWith('Transient'))
  })

  it('frees everything when it is left before its first chunk', async () => {
    const unread = (await storage.get('present', { signal }))[Symbol.asyncIterator]()
    await unread.return?.()
    expect((await read('small')).length).toBe(100)
  })

  it('refuses a named pipe instead of waiting for a writer', async () => {
    execFileSync('mkfifo', [join(directory, 'pipe')])
    await expect(within('the reading', 10_000, read('pipe'))).rejects.toThrow(storageErrorWith('Permanent'))
    const keys = (await Array.fromAsync(storage.list('', { signal }))).map(({ key }) => key)
    expect(keys).not.toContain('pipe')
  })

  it('is AccessDenied where the user may not read', async () => {
    const path = join(directory, 'secret')
    writeFileSync(path, 'x')
    chmodSync(path, 0o000)
    await expect(read('secret')).rejects.toThrow(storageErrorWith('AccessDenied'))
  })
})

describe('the head', () => {
  it.each(faults)('that meets $action $direction is Transient', async (fault) => {
    proxy.inject(fault)
    await expect(within('the head', 10_000, storage.head('small', { signal }))).rejects.toThrow(
      storageErrorWith('Transient'),
    )
  })

  it('is NotFound below a file and for a folder, but AccessDenied behind a folder that is closed', async () => {
    mkdirSync(join(directory, 'closed'), { mode: 0o000 })
    await expect(storage.head('small/below', { signal })).rejects.toThrow(storageErrorWith('NotFound'))
    await expect(storage.head('closed', { signal })).rejects.toThrow(storageErrorWith('NotFound'))
    await expect(storage.head('closed/x', { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
  })

  it('is Permanent, not NotFound, without the marker of the right volume', async () => {
    const folder = server.makeFolder()
    await using marked = await openOnServer(server, { directory: folder, marker: 'volume' })
    await expect(marked.head('small', { signal })).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(Array.fromAsync(marked.list('', { signal }))).rejects.toThrow('"volume"')
    writeFileSync(join(folder, 'volume'), '')
    await expect(marked.head('small', { signal })).rejects.toThrow(storageErrorWith('NotFound'))
    expect(await Array.fromAsync(marked.list('', { signal }))).toEqual([])
  })
})

describe('a listing', () => {
  it.each(faults)('that meets $action $direction is Transient, never empty', async (fault) => {
    proxy.inject(fault)
    const listing = Array.fromAsync(storage.list('', { signal }))
    await expect(within('the listing', 10_000, listing)).rejects.toThrow(storageErrorWith('Transient'))
  })

  it('is AccessDenied, never short, when a folder cannot be read', async () => {
    const folder = server.makeFolder()
    mkdirSync(join(folder, 'closed'), { mode: 0o000 })
    await using other = await openOnServer(server, { directory: folder })
    await expect(Array.fromAsync(other.list('', { signal }))).rejects.toThrow(storageErrorWith('AccessDenied'))
  })

  it('follows links to files and leaves out those that lead nowhere', async () => {
    const folder = server.makeFolder()
    writeFileSync(join(folder, 'file'), 'abc')
    symlinkSync('file', join(folder, 'link'))
    symlinkSync('nowhere', join(folder, 'broken'))
    await using other = await openOnServer(server, { directory: folder })
    const listed = await Array.fromAsync(other.list('', { signal }))
    expect(listed.map(({ key, size }) => [key, size])).toEqual([
      ['file', 3],
      ['link', 3],
    ])
  })
})

describe('a link to a folder', () => {
  it('is followed, as the built-in storage does, unless it leads back to other objects', async () => {
    const [folder, elsewhere] = [server.makeFolder(), server.makeFolder()]
    for (const at of [join(folder, 'main'), join(elsewhere, 'deep')]) mkdirSync(at)
    for (const at of [join(folder, 'main/a'), join(elsewhere, 'deep/b')]) writeFileSync(at, 'x')
    symlinkSync('.', join(folder, 'main/self'))
    symlinkSync('main', join(folder, 'again'))
    symlinkSync('/', join(folder, 'root'))
    symlinkSync(elsewhere, join(folder, 'volume'))
    symlinkSync('..', join(elsewhere, 'deep/up'))
    symlinkSync(folder, join(elsewhere, 'home'))
    await using other = await openOnServer(server, { directory: folder })
    const keys = async (prefix: string) => (await Array.fromAsync(other.list(prefix, { signal }))).map(({ key }) => key)
    expect(await keys('')).toEqual(['main/a', 'volume/deep/b'])
    expect(await keys('main/')).toEqual(['main/a'])
    expect(await keys('volume/deep/')).toEqual(['volume/deep/b'])
  })

  it('that leads back to other objects lets none of them be deleted', async () => {
    const folder = server.makeFolder()
    mkdirSync(join(folder, 'main'))
    writeFileSync(join(folder, 'main/a'), 'x')
    symlinkSync('.', join(folder, 'main/self'))
    chmodSync(join(folder, 'main'), 0o777)
    await using other = await openOnServer(server, { directory: folder })
    const failed = other.delete(['main/a', 'main/self/a'], { signal })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow(join(folder, 'main/self'))
    expect(existsSync(join(folder, 'main/a'))).toBe(true)
    await other.delete(['main/a'], { signal })
    expect(existsSync(join(folder, 'main/a'))).toBe(false)
  })
})

describe('deleting', () => {
  it.each(faults)('that meets $action $direction is Transient', async (fault) => {
    proxy.inject(fault)
    await expect(within('the deletion', 10_000, storage.delete(['none'], { signal }))).rejects.toThrow(
      storageErrorWith('Transient'),
    )
  })

  it('leaves folders alone', async () => {
    mkdirSync(join(directory, 'folder'))
    await storage.delete(['folder'], { signal })
    expect((await read('small')).length).toBe(100)
  })

  it('is AccessDenied where the user may not delete', async () => {
    const folder = join(directory, 'fixed')
    mkdirSync(folder, { mode: 0o755 })
    writeFileSync(join(folder, 'x'), 'x')
    await expect(storage.delete(['fixed/x'], { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
  })
})
