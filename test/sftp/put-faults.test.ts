import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ByteSource, Storage } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SmallFilesystem } from '../support/small-filesystem.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'
import { startSshFaultProxy, type LineFault, type SshFaultProxy } from '../support/sshd/ssh-fault-proxy.ts'
import { waitFor, within } from '../support/wait-for.ts'
import { openOnServer } from './open-sftp-storage.ts'
import { recordedContext } from '../support/recorded-context.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'
import { chunkedSource } from '../support/byte-source.ts'

const MEBIBYTE = 1024 ** 2
const SMALL = Buffer.alloc(10_000, 'walr')
const LARGE = Buffer.alloc(8 * MEBIBYTE, 'walr')
const noAbort = new AbortController().signal

let server: Sshd
let proxy: SshFaultProxy
let directory: string
const opened: Storage[] = []

beforeAll(async () => {
  server = await startSshd()
  proxy = await startSshFaultProxy(server.port)
})
beforeEach(() => {
  directory = server.makeFolder()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage[Symbol.asyncDispose]()
  proxy.clear()
})
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

/** Opens a storage behind the proxy, with a connection that is there already. */
async function open(options: Readonly<Record<string, unknown>> = {}): Promise<Storage> {
  const storage = await openOnServer(server, { directory, port: proxy.port, maxConnections: 1, ...options })
  opened.push(storage)
  await put(storage, 'first', SMALL)
  return storage
}

function put(storage: Storage, key: string, content: Buffer, signal: AbortSignal = noAbort) {
  return storage.put(key, chunkedSource(content), { ifAbsent: true, signal })
}

/** What is stored, as the built-in storage or any other reader of the directory sees it. */
function objects(): readonly string[] {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map(({ name }) => name).filter((name) => name !== 'first' && !name.startsWith('.walr-tmp-'))
}

function leftovers(): readonly string[] {
  return readdirSync(directory).filter((name) => name.startsWith('.walr-tmp-'))
}

const sizes: readonly [string, Buffer][] = [
  ['a small', SMALL],
  ['a large', LARGE],
]

describe.each(sizes)('the put of %s object', (_size, content) => {
  const half = content.length / 2
  it.each<LineFault>([
    { direction: 'up', afterBytes: half, action: 'reset' },
    { direction: 'up', afterBytes: half, action: 'hang' },
    { direction: 'up', afterBytes: half, action: 'alter' },
    { direction: 'up', afterBytes: 1, action: 'reset' },
    { direction: 'down', afterBytes: 200, action: 'reset' },
    { direction: 'down', afterBytes: 1, action: 'swallow' },
  ])(
    'that meets $action after $afterBytes bytes $direction is Transient, and the next one goes well',
    async (fault) => {
      const storage = await open({ requestTimeoutMs: 500 })
      proxy.inject(fault)
      await expect(within('the put', 20_000, put(storage, 'one', content))).rejects.toThrow(
        storageErrorWith('Transient'),
      )
      expect(objects()).toEqual([])
      proxy.clear()
      expect(await put(storage, 'one', content)).toEqual({ size: content.length })
      expect(readFileSync(join(directory, 'one')).equals(content)).toBe(true)
    },
  )

  it('is aborted in the middle of a silent line at once, and leaves nothing visible', async () => {
    const storage = await open()
    proxy.inject({ direction: 'up', afterBytes: half, action: 'hang' })
    const abort = new AbortController()
    const reason = new Error('enough')
    const stopped = expect(within('the put', 10_000, put(storage, 'one', content, abort.signal))).rejects.toBe(reason)
    await waitFor('half of it is under way', () => proxy.passed('up') >= half)
    abort.abort(reason)
    await stopped
    expect(objects()).toEqual([])
    await put(storage, 'one', content)
  })
})

describe('a put', () => {
  it('goes on over a line that is slow, for longer than the server may be silent', async () => {
    await using slow = await startSshFaultProxy(server.port, { bytesPerSecond: 1_500_000 })
    const storage = await open({ port: slow.port, requestTimeoutMs: 900 })
    const startedAtMs = performance.now()
    expect(await put(storage, 'one', LARGE.subarray(0, 3 * MEBIBYTE))).toEqual({ size: 3 * MEBIBYTE })
    expect(performance.now() - startedAtMs).toBeGreaterThan(900)
  })

  it('is Transient when the process that serves it is killed, and the next one goes well', async () => {
    await using slow = await startSshFaultProxy(server.port, { bytesPerSecond: 4_000_000 })
    const storage = await open({ port: slow.port })
    const failed = expect(put(storage, 'one', LARGE)).rejects.toThrow(storageErrorWith('Transient'))
    await waitFor('the file grows', () => leftovers().length > 0)
    server.signalSessions('SIGKILL')
    await failed
    expect(objects()).toEqual([])
    expect(await put(storage, 'one', SMALL)).toEqual({ size: SMALL.length })
  })

  it('is Transient when the server hangs, and says how long it has waited', async () => {
    const storage = await open({ requestTimeoutMs: 400 })
    server.signalSessions('SIGSTOP')
    const failed = within('the put', 10_000, put(storage, 'one', SMALL))
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow('400 ms')
    server.signalSessions('SIGKILL')
  })

  it('is Transient while the server is stopped, and goes well when it is back', async () => {
    await using other = await startSshd()
    const folder = other.makeFolder()
    await using storage = await openOnServer(other, { directory: folder })
    await put(storage, 'one', SMALL)
    await other.stop()
    await expect(put(storage, 'two', SMALL)).rejects.toThrow(storageErrorWith('Transient'))
    await other.start()
    await put(storage, 'two', SMALL)
    expect(readdirSync(folder)).toEqual(['one', 'two'])
  })

  it('is AlreadyExists at the next try when the last answers were lost', async () => {
    const storage = await open({ requestTimeoutMs: 500 })
    // The answer to the link, at the latest, comes after the object is there.
    const when = () => existsSync(join(directory, 'two'))
    proxy.inject({ direction: 'down', afterBytes: 1, action: 'swallow', when })
    await expect(within('the put', 10_000, put(storage, 'two', SMALL))).rejects.toThrow(storageErrorWith('Transient'))
    expect(objects()).toEqual(['two'])
    await expect(put(storage, 'two', SMALL)).rejects.toThrow(storageErrorWith('AlreadyExists'))
  })

  it('leaves no temporary file behind when it is aborted on a line that works', async () => {
    const storage = await open()
    const abort = new AbortController()
    const reason = new Error('enough')
    const endless: ByteSource = {
      size: undefined,
      async *open() {
        yield SMALL
        await Promise.resolve()
        abort.abort(reason)
        yield SMALL
      },
    }
    await expect(storage.put('one', endless, { ifAbsent: true, signal: abort.signal })).rejects.toBe(reason)
    expect(leftovers()).toEqual([])
    expect(objects()).toEqual([])
  })

  it('removes temporary files that are a day old, and no others', async () => {
    const [old, young] = [join(directory, '.walr-tmp-old'), join(directory, '.walr-tmp-young')]
    for (const file of [old, young]) writeFileSync(file, 'left')
    chmodSync(directory, 0o777)
    const yesterday = new Date(Date.now() - 25 * 3_600_000)
    utimesSync(old, yesterday, yesterday)
    const context = recordedContext()
    await using storage = await openOnServer(server, { directory }, context)
    await put(storage, 'one', SMALL)
    expect(leftovers()).toEqual(['.walr-tmp-young'])
    expect(context.lines.join()).toContain('removed 1 temporary files')
    await expect(put(storage, '.walr-tmp-x', SMALL)).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('is AccessDenied where the user may not write, and says what was refused', async () => {
    const storage = await open()
    mkdirSync(join(directory, 'closed'), { mode: 0o500 })
    const failed = put(storage, 'closed/one', SMALL)
    await expect(failed).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(failed).rejects.toThrow('closed/one')
  })

  it('is AccessDenied, with the folder and no word of hard links, where only names are refused', async () => {
    const storage = await open()
    mkdirSync(join(directory, 'fixed'), { mode: 0o755 })
    const failed = put(storage, 'fixed/one', SMALL)
    await expect(failed).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(failed).rejects.toThrow(`may not make files in the folder "${join(directory, 'fixed')}"`)
    await expect(failed).rejects.not.toThrow('hardLinks')
    expect(leftovers()).toEqual([])
  })

  it.each([true, false])(
    'is Permanent, and says why, on a link that leads nowhere (hardLinks: %s)',
    async (hardLinks) => {
      const storage = await open({ hardLinks })
      symlinkSync('nowhere', join(directory, 'one'))
      const failed = put(storage, 'one', SMALL)
      await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
      await expect(failed).rejects.toThrow('leads nowhere')
      expect(leftovers()).toEqual([])
    },
  )

  it('leaves its object when the folder cannot be synced, since others may rely on it', async () => {
    const storage = await open()
    await put(storage, 'folder/first', SMALL)
    const folder = join(directory, 'folder')
    chmodSync(folder, 0o300)
    await expect(put(storage, 'folder/one', SMALL)).rejects.toThrow(storageErrorWith('AccessDenied'))
    expect(objects()).toEqual(['one'])
    // it is not confirmed either before it is durable
    await expect(put(storage, 'folder/one', SMALL)).rejects.toThrow(storageErrorWith('AccessDenied'))
    chmodSync(folder, 0o700)
    await expect(put(storage, 'folder/one', SMALL)).rejects.toThrow(storageErrorWith('AlreadyExists'))
    expect(leftovers()).toEqual([])
  })

  it('is AccessDenied on a server that only gives', async () => {
    await using readOnly = await startSshd({ sftpServerArguments: '-R' })
    await using storage = await openOnServer(readOnly, { directory: readOnly.makeFolder() })
    await expect(put(storage, 'one', SMALL)).rejects.toThrow(storageErrorWith('AccessDenied'))
  })

  it('is Permanent, and says so, when the server has no space left; nothing stays', async () => {
    await using small = new SmallFilesystem(4)
    await using storage = await openOnServer(server, { directory: small.path })
    await put(storage, 'one', SMALL)
    const failed = put(storage, 'two', LARGE)
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('no space left')
    expect(readdirSync(small.path)).toEqual(['one'])
    await put(storage, 'three', SMALL)
  })

  it('is Permanent, and says so, when no files are free, in the moment of the hard link, too', async () => {
    await using small = new SmallFilesystem(4)
    await using storage = await openOnServer(server, { directory: small.path })
    await put(storage, 'one', SMALL)
    // the root, what is there, and one more: a hard link counts on this file system
    execFileSync('mount', ['-o', 'remount,nr_inodes=3', small.path])
    const failed = put(storage, 'two', SMALL)
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('no space left: no files')
    expect(readdirSync(small.path)).toEqual(['one'])
  })

  it('is Permanent, and says so, when the file system has become read-only', async () => {
    await using small = new SmallFilesystem(4)
    await using storage = await openOnServer(server, { directory: small.path })
    await put(storage, 'one', SMALL)
    execFileSync('mount', ['-o', 'remount,ro', small.path])
    const failed = put(storage, 'two', SMALL)
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('read-only')
  })

  it('tells the directory that is missing', async () => {
    await using storage = await openOnServer(server, { directory: `${directory}/absent` })
    await expect(put(storage, 'one', SMALL)).rejects.toThrow(`no directory "${directory}/absent"`)
  })

  it('is refused when a folder has the name', async () => {
    const storage = await open()
    await put(storage, 'a/b', SMALL)
    await expect(put(storage, 'a', SMALL)).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(put(storage, 'first/b', SMALL)).rejects.toThrow(storageErrorWith('Permanent'))
    expect(objects()).toEqual(['b'])
  })
})

describe('on a server without the extensions of OpenSSH', () => {
  it('a put refuses to do without hard links, and says which option changes that', async () => {
    await using plain = await startSshd({ sftpServerArguments: '-P hardlink' })
    await using storage = await openOnServer(plain, { directory: plain.makeFolder() })
    const failed = put(storage, 'one', SMALL)
    await expect(failed).rejects.toThrow(/hardLinks/)
    await expect(storage.head('one', { signal: noAbort })).rejects.toThrow(storageErrorWith('NotFound'))
  })

  it('a put goes without fsync, and warns once', async () => {
    await using plain = await startSshd({ sftpServerArguments: '-P fsync' })
    const context = recordedContext()
    await using storage = await openOnServer(plain, { directory: plain.makeFolder() }, context)
    await put(storage, 'one', SMALL)
    await put(storage, 'two', SMALL)
    await expect(put(storage, 'two', SMALL)).rejects.toThrow(storageErrorWith('AlreadyExists'))
    expect(context.lines.filter((line) => line.includes('has no fsync'))).toHaveLength(1)
  })
})
