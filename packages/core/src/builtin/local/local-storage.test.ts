import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withForbiddenLink } from '../../disk/forbidden-link.fixture.ts'
import { FaultTreeDisk } from '../../disk/fault-tree-disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import type { SystemErrorCode } from '../../errors/system-error.ts'
import {
  isStorageError,
  type ByteSource,
  type HookContext,
  type PutConfirmation,
  type Storage,
  type StorageErrorCode,
} from '../../plugins/contract/index.ts'
import { compareUtf8 } from '../utf8-order.ts'
import { parseLocalOptions } from './local-options.ts'
import { openLocalStorage } from './local-plugin.ts'

let root: string
let base: string
let disk: FaultTreeDisk
let logged: string[]
const { signal } = new AbortController()
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-local-'))
  base = join(root, 'archive')
  mkdirSync(base)
  disk = new FaultTreeDisk(nodeDisk)
  logged = []
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function open(options: Readonly<Record<string, unknown>> = {}, now = new Date()): Promise<Storage> {
  const log = (line: string): void => void logged.push(line)
  const context: HookContext = {
    log: { error: log, warning: log, info: log, debug: log },
    signal,
    now: () => now,
    baseDirectory: root,
  }
  return openLocalStorage(disk, parseLocalOptions({ path: 'archive', ...options }), context)
}
const source = (text: string): ByteSource => ({
  size: Buffer.byteLength(text),
  open: async function* () {
    yield await Promise.resolve(Buffer.from(text))
  },
})
const put = (storage: Storage, key: string, text: string, ifAbsent = true): Promise<PutConfirmation> =>
  storage.put(key, source(text), { ifAbsent, signal })
async function get(storage: Storage, key: string): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of await storage.get(key, { signal })) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}
async function keys(storage: Storage, prefix = '', startAfter?: string): Promise<string[]> {
  const found: string[] = []
  const options = startAfter === undefined ? { signal } : { startAfter, signal }
  for await (const { key } of storage.list(prefix, options)) found.push(key)
  return found
}
const failing = (code: StorageErrorCode, text = ''): Error =>
  expect.toSatisfy(
    (error: unknown) => isStorageError(error, code) && error.message.includes(text),
    `a StorageError ${code} that says "${text}"`,
  ) as Error
const files = (): string[] => readdirSync(base, { recursive: true, encoding: 'utf8' }).sort()

describe('a put', () => {
  it('makes the bytes durable before their name, the name before it resolves, and new folders before that', async () => {
    const storage = await open()
    disk.forgetOperations()
    const confirmation = await put(storage, 'wal/00000001/a', 'abc')
    expect(confirmation).toEqual({
      size: 3,
      checksum: { algorithm: 'crc32', value: crc32('abc').toString(16).padStart(8, '0') },
    })
    const wanted = ['write', 'sync', 'makeDirectory', 'syncDirectory', 'link', 'remove']
    const order = disk.operations.filter(({ operation }) => wanted.includes(operation))
    expect(
      order.map(({ operation, path }) => `${operation} ${path.replace(base, '').replace(/tmp-.*/, 'tmp')}`),
    ).toEqual([
      'write /.walr-tmp',
      'sync /.walr-tmp',
      'makeDirectory /wal',
      'syncDirectory ',
      'makeDirectory /wal/00000001',
      'syncDirectory /wal',
      'link /.walr-tmp',
      'syncDirectory /wal/00000001',
      'remove /.walr-tmp',
    ])
  })

  it('makes files for the owner alone, or for the group as well', async () => {
    await put(await open(), 'p/a', 'x')
    await put(await open({ mode: 'group' }), 'g/a', 'x')
    const mode = (path: string): number => statSync(join(base, path)).mode & 0o777
    expect([mode('p'), mode('p/a'), mode('g') & 0o750, mode('g/a')]).toEqual([0o700, 0o600, 0o750, 0o640])
  })

  it.each<[operation: 'write' | 'sync' | 'link' | 'syncDirectory' | 'makeDirectory' | 'read' | 'close']>([
    ['write'],
    ['sync'],
    ['read'],
    ['close'],
    ['makeDirectory'],
    ['link'],
    ['syncDirectory'],
  ])('that fails in %s leaves nothing, and goes well when it is repeated', async (operation) => {
    const storage = await open()
    disk.on({ operation, nth: 1 }, { error: 'EIO' })
    await expect(put(storage, 'wal/a', 'abc')).rejects.toEqual(failing('Transient'))
    expect(await keys(storage)).toEqual([])
    expect(files().filter((name) => name !== 'wal')).toEqual([])
    await put(storage, 'wal/a', 'abc')
    expect(await get(storage, 'wal/a')).toBe('abc')
  })

  it('whose name cannot be made durable takes it back, so that nobody takes it for stored', async () => {
    const storage = await open()
    await put(storage, 'wal/a', 'abc')
    disk.on({ operation: 'syncDirectory', pathPattern: /wal$/, nth: 1 }, { error: 'EIO' })
    await expect(put(storage, 'wal/b', 'abc')).rejects.toEqual(failing('Transient'))
    expect(await keys(storage)).toEqual(['wal/a'])
  })

  it('says AlreadyExists of an object only when that is durable', async () => {
    const storage = await open()
    mkdirSync(join(base, 'wal'))
    writeFileSync(join(base, 'wal/a'), 'left by a process that was killed')
    disk.forgetOperations()
    await expect(put(storage, 'wal/a', 'abc')).rejects.toEqual(failing('AlreadyExists'))
    const synced = disk.operations.filter(({ operation }) => operation.startsWith('sync')).map(({ path }) => path)
    expect(synced).toEqual([join(base, 'wal/a'), base, join(base, 'wal')])
    const rule = disk.on({ operation: 'syncDirectory' }, { error: 'EIO' })
    await expect(put(storage, 'wal/a', 'abc')).rejects.toEqual(failing('Transient'))
    rule()
    expect(readFileSync(join(base, 'wal/a'), 'utf8')).toContain('killed')
  })

  it('makes folders anew that somebody has removed meanwhile', async () => {
    const storage = await open()
    await put(storage, 'wal/1/a', 'abc')
    rmSync(join(base, 'wal'), { recursive: true })
    await put(storage, 'wal/1/a', 'abc')
    expect(await get(storage, 'wal/1/a')).toBe('abc')
  })

  it('on a file system without hard links is refused, until the option says so', async () => {
    disk.on({ operation: 'link' }, { error: 'EPERM' })
    const storage = await open()
    expect(storage.capabilities.createIfAbsent).toBe('atomic')
    await expect(put(storage, 'a', 'abc')).rejects.toEqual(failing('Permanent', '"hardLinks"'))
    const without = await open({ hardLinks: 'false' })
    expect(without.capabilities.createIfAbsent).toBe('check-then-write')
    await put(without, 'a', 'abc')
    await expect(put(without, 'a', 'xyz')).rejects.toEqual(failing('AlreadyExists'))
    expect(await get(without, 'a')).toBe('abc')
  })

  it('of a key that is a folder, below an object, or too long for the file system is Permanent', async () => {
    const storage = await open()
    await put(storage, 'a/b', 'x')
    for (const key of ['a', 'a/b/c', 'x'.repeat(300), '.walr-tmp-1', '.walr-tmp-1/a']) {
      await expect(put(storage, key, 'x')).rejects.toEqual(failing('Permanent'))
      await expect(put(storage, key, 'x', false)).rejects.toEqual(failing('Permanent'))
    }
    expect(await keys(storage)).toEqual(['a/b'])
  })
})

describe('errors of the system', () => {
  it.each<[SystemErrorCode, StorageErrorCode]>([
    ['ENOSPC', 'Permanent'],
    ['EDQUOT', 'Permanent'],
    ['EACCES', 'AccessDenied'],
    ['EPERM', 'AccessDenied'],
    ['EROFS', 'AccessDenied'],
    ['EIO', 'Transient'],
    ['ESTALE', 'Transient'],
    ['ENOTCONN', 'Transient'],
    ['ETIMEDOUT', 'Transient'],
    ['EMFILE', 'Transient'],
    ['ELOOP', 'Permanent'],
    ['EINVAL', 'Permanent'],
  ])('%s is %s, whatever meets it, and never "absent"', async (error, code) => {
    const storage = await open()
    await put(storage, 'a', 'abc')
    disk.on({ operation: 'write' }, { error })
    await expect(put(storage, 'b', 'abc')).rejects.toEqual(failing(code))
    disk.on({ operation: 'read' }, { error })
    await expect(get(storage, 'a')).rejects.toEqual(failing(code))
    disk.on({ operation: 'list' }, { error })
    await expect(keys(storage)).rejects.toEqual(failing(code))
    disk.on({ operation: 'remove' }, { error })
    await expect(storage.delete(['a'], { signal })).rejects.toEqual(failing(code))
    disk.on({ operation: 'stat' }, { error })
    await expect(storage.head('a', { signal })).rejects.toEqual(failing(code))
  })

  it('that a file is shorter than it was is Transient, never a short success', async () => {
    const storage = await open()
    await put(storage, 'a', 'x'.repeat(600_000))
    const chunks = (await storage.get('a', { signal }))[Symbol.asyncIterator]()
    await chunks.next()
    writeFileSync(join(base, 'a'), 'short')
    await expect(chunks.next()).rejects.toEqual(failing('Transient', 'ended at byte'))
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
  })
})

describe('a base directory', () => {
  const everything = (storage: Storage): readonly (() => Promise<unknown>)[] => [
    () => put(storage, 'b', 'x'),
    () => get(storage, 'a'),
    () => storage.head('a', { signal }),
    () => keys(storage),
    () => storage.delete(['a'], { signal }),
  ]

  it('that is missing is Permanent, never "absent", is not made, and is used when it is there', async () => {
    rmSync(base, { recursive: true })
    const storage = await open()
    for (const work of everything(storage)) await expect(work()).rejects.toEqual(failing('Permanent', 'does not exist'))
    expect(readdirSync(root)).toEqual([])
    mkdirSync(base)
    await put(storage, 'a', 'abc')
    expect(await get(storage, 'a')).toBe('abc')
  })

  it('that is a file is Permanent', async () => {
    rmSync(base, { recursive: true })
    writeFileSync(base, '')
    for (const work of everything(await open())) await expect(work()).rejects.toEqual(failing('Permanent', 'not a dir'))
  })

  it('whose volume was unmounted is Permanent, and good again when it is back', async () => {
    const storage = await open()
    await put(storage, 'a', 'abc')
    renameSync(base, join(root, 'volume'))
    mkdirSync(base)
    for (const work of everything(storage))
      await expect(work()).rejects.toEqual(failing('Permanent', 'another directory'))
    expect(files()).toEqual([])
    rmSync(base, { recursive: true })
    renameSync(join(root, 'volume'), base)
    expect(await get(storage, 'a')).toBe('abc')
  })

  it('with a marker is used while that is there, also by a process that starts while it is not', async () => {
    const storage = await open({ marker: '.mounted' })
    for (const work of everything(storage)) await expect(work()).rejects.toEqual(failing('Permanent', '".mounted"'))
    renameSync(base, join(root, 'mount point'))
    mkdirSync(base)
    writeFileSync(join(base, '.mounted'), '')
    await put(storage, 'a', 'abc')
    expect(await keys(storage)).toEqual(['a'])
    await expect(put(storage, '.mounted', 'x')).rejects.toEqual(failing('Permanent', 'reserved'))
  })

  it('that is unmounted while it is listed gives an error, not an end', async () => {
    const storage = await open()
    for (const key of ['a/1', 'b/1', 'c/1']) await put(storage, key, 'x')
    const listing = storage.list('', { signal })[Symbol.asyncIterator]()
    expect((await listing.next()).value).toMatchObject({ key: 'a/1' })
    renameSync(base, join(root, 'volume'))
    mkdirSync(base)
    await expect(listing.next()).rejects.toEqual(failing('Permanent', 'another directory'))
  })

  it('is cleaned of temporary files that nobody has written to for a day, and of nothing else', async () => {
    const old = new Date(Date.now() - 25 * 3_600_000)
    for (const name of ['.walr-tmp-old', '.walr-tmp-new', 'object']) writeFileSync(join(base, name), '')
    for (const name of ['.walr-tmp-old', 'object']) utimesSync(join(base, name), old, old)
    const storage = await open()
    expect(await keys(storage)).toEqual(['object'])
    expect(files()).toContain('.walr-tmp-old')
    for (const key of ['a', 'b']) await put(storage, key, 'x')
    expect(files()).toEqual(['.walr-tmp-new', 'a', 'b', 'object'])
    expect(logged).toEqual([expect.stringContaining('removed 1 temporary files')])
  })

  it('that cannot be cleaned is used all the same', async () => {
    disk.on({ operation: 'list' }, { error: 'EACCES' })
    const storage = await open()
    for (const key of ['a', 'b']) await put(storage, key, 'x')
    expect(await get(storage, 'b')).toBe('x')
    expect(logged).toEqual([expect.stringContaining('could not remove temporary files')])
  })

  it('is not touched while the storage is opened', async () => {
    await open()
    expect(disk.operations).toEqual([])
  })

  it('that does not answer is asked once, however many operations wait for it, and again afterwards', async () => {
    const storage = await open()
    await put(storage, 'a', 'abc')
    disk.forgetOperations()
    disk.on({ operation: 'stat', nth: 1 }, { delayMs: 100 })
    const waiting = everything(storage).map((work) => work())
    await turn()
    expect(disk.operations.map(({ operation, path }) => [operation, path])).toEqual([['stat', base]])
    await Promise.allSettled(waiting)
    expect(disk.operations.length).toBeGreaterThan(waiting.length)
  })
})

describe('a listing', () => {
  it('is in the order of whole keys, across folders', async () => {
    const storage = await open()
    const all = ['a', 'b!', 'b/c', 'b/c.d', 'b0', '\uffee', '\u{1f600}']
    for (const key of [...all].reverse()) await put(storage, key, 'x')
    expect(await keys(storage)).toEqual(all)
    expect(await keys(storage, 'b')).toEqual(['b!', 'b/c', 'b/c.d', 'b0'])
    expect(await keys(storage, 'b/c', 'b/c')).toEqual(['b/c.d'])
  })

  it('gives what a sorted list of keys gives, for any prefix and start', async () => {
    const part = fc.string({
      unit: fc.constantFrom('a', 'b', '-', '.x', '\u{1f600}', '\uffee'),
      minLength: 1,
      maxLength: 3,
    })
    const key = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { maxLength: 12 }), fc.string(), key, async (candidates, cut, start) => {
        const all = candidates.filter((each) => !candidates.some((other) => other.startsWith(`${each}/`)))
        rmSync(base, { recursive: true })
        mkdirSync(base)
        const storage = await open()
        for (const each of all) {
          mkdirSync(join(base, each, '..'), { recursive: true })
          writeFileSync(join(base, each), '')
        }
        const prefix = (all[0] ?? '').slice(0, cut.length)
        fc.pre(prefix.isWellFormed())
        const wanted = all.filter((each) => each.startsWith(prefix)).sort(compareUtf8)
        expect(await keys(storage, prefix)).toEqual(wanted)
        expect(await keys(storage, prefix, start)).toEqual(wanted.filter((each) => compareUtf8(each, start) > 0))
      }),
      { numRuns: 60 },
    )
  })

  it('is complete or fails: a link that nobody can follow may be an object, or a folder of them', async () => {
    disk = new FaultTreeDisk(withForbiddenLink(base, 'b'))
    const storage = await open()
    for (const key of ['a/1', 'b!', 'c/1']) await put(storage, key, 'x')
    for (const [prefix, startAfter] of [[''], ['b'], ['', 'b/x']] as const) {
      await expect(keys(storage, prefix, startAfter)).rejects.toEqual(failing('AccessDenied', join(base, 'b')))
    }
    expect(await keys(storage, 'a/')).toEqual(['a/1'])
    expect(await keys(storage, 'b!')).toEqual(['b!'])
    expect(await keys(storage, '', 'c')).toEqual(['c/1'])
  })

  it('has more files in a folder than are looked at together, follows links, and leaves out what is no file', async () => {
    const storage = await open()
    const many = Array.from({ length: 100 }, (_, index) => `f/${String(index).padStart(3, '0')}`)
    mkdirSync(join(base, 'f'))
    for (const key of many) writeFileSync(join(base, key), '')
    mkdirSync(join(base, 'f/050x'))
    writeFileSync(join(base, 'f/050x/y'), '')
    symlinkSync(join(base, 'f'), join(base, 'g'))
    execFileSync('mkfifo', [join(base, 'pipe')])
    const all = [...many, 'f/050x/y'].sort()
    expect(await keys(storage)).toEqual([...all, ...all.map((key) => key.replace('f/', 'g/'))])
    await expect(get(storage, 'pipe')).rejects.toEqual(failing('Permanent', 'not a regular file'))
  })
})
