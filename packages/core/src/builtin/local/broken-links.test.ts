import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../../disk/node-disk.ts'
import { isStorageError, type HookContext, type Storage, type StorageErrorCode } from '../../plugins/contract/index.ts'
import { parseLocalOptions } from './local-options.ts'
import { openLocalStorage } from './local-plugin.ts'

let root: string
let base: string
let storage: Storage
const { signal } = new AbortController()

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'walr-links-'))
  base = join(root, 'archive')
  mkdirSync(join(base, 'main'), { recursive: true })
  mkdirSync(join(root, 'volume/1'), { recursive: true })
  writeFileSync(join(root, 'volume/1/a'), 'abc')
  const log = (): void => undefined
  const context: HookContext = {
    log: { error: log, warning: log, info: log, debug: log },
    signal,
    now: () => new Date(),
    baseDirectory: root,
  }
  storage = await openLocalStorage(nodeDisk, parseLocalOptions({ path: 'archive' }), context)
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

async function keys(prefix: string, startAfter?: string): Promise<string[]> {
  const found: string[] = []
  const options = startAfter === undefined ? { signal } : { startAfter, signal }
  for await (const { key } of storage.list(prefix, options)) found.push(key)
  return found
}
async function rejects(work: Promise<unknown>, code: StorageErrorCode, text: string): Promise<void> {
  const error: unknown = await work.then(
    () => 'no error',
    (reason: unknown) => reason,
  )
  expect(isStorageError(error) ? [error.code, error.message] : error).toEqual([code, expect.stringContaining(text)])
}
async function absent(key: string, code: StorageErrorCode, text: string): Promise<void> {
  await rejects(storage.head(key, { signal }), code, text)
  await rejects(storage.get(key, { signal }), code, text)
}
const nowhere = 'leads nowhere: is its volume mounted?'

describe('a folder behind a link', () => {
  it('is Permanent, never "absent" or empty, while its volume is not mounted, and good when it is', async () => {
    symlinkSync(join(root, 'volume'), join(base, 'main/wal'))
    expect(await keys('main/wal/1/')).toEqual(['main/wal/1/a'])
    await absent('main/wal/1/b', 'NotFound', '')
    await absent('main/wal/2/b', 'NotFound', '')
    expect(await keys('main/wal/2/')).toEqual([])

    renameSync(join(root, 'volume'), join(root, 'away'))
    const text = `"${join(base, 'main/wal')}" is a link that ${nowhere}`
    for (const key of ['main/wal/1/a', 'main/wal/b', 'main/wal']) await absent(key, 'Permanent', text)
    for (const prefix of ['main/wal/1/a', 'main/wal/1/', 'main/wal/', 'main/w', 'main/', '']) {
      await rejects(keys(prefix), 'Permanent', text)
    }
    renameSync(join(root, 'away'), join(root, 'volume'))
    expect(await keys('')).toEqual(['main/wal/1/a'])
  })

  it('that is not wanted does not disturb what is', async () => {
    symlinkSync(join(root, 'nowhere'), join(base, 'main/wal'))
    writeFileSync(join(base, 'main/id'), '')
    writeFileSync(join(base, 'main/z'), '')
    expect(await keys('main/i')).toEqual(['main/id'])
    expect(await keys('main/', 'main/x')).toEqual(['main/z'])
    await absent('main/other', 'NotFound', '')
  })

  it('that is a file, lies below one, or is the link itself is Permanent', async () => {
    const file = join(root, 'volume/1/a')
    for (const target of [file, join(file, 'below'), 'wal']) {
      symlinkSync(target, join(base, 'main/wal'))
      const text = `"${join(base, 'main/wal')}`
      await absent('main/wal/1/a', 'Permanent', text)
      await rejects(keys('main/wal/1/'), 'Permanent', text)
      await rejects(keys('main/wal/'), 'Permanent', text)
      rmSync(join(base, 'main/wal'))
    }
  })

  it('that is unmounted while it is listed is an error, not an end', async () => {
    mkdirSync(join(root, 'volume/2'))
    writeFileSync(join(root, 'volume/2/b'), '')
    symlinkSync(join(root, 'volume'), join(base, 'main/wal'))
    const listing = storage.list('', { signal })[Symbol.asyncIterator]()
    expect((await listing.next()).value).toMatchObject({ key: 'main/wal/1/a' })
    renameSync(join(root, 'volume'), join(root, 'away'))
    await rejects(listing.next(), 'Permanent', nowhere)
  })
})

describe('what lies where an object could be', () => {
  it('is Permanent when it is a link that leads nowhere, for a listing, too', async () => {
    symlinkSync(join(root, 'nowhere'), join(base, 'main/a'))
    await absent('main/a', 'Permanent', nowhere)
    await rejects(keys('main/'), 'Permanent', nowhere)
  })

  it('is Permanent when it is an empty folder, and absent when it is the beginning of other keys', async () => {
    mkdirSync(join(base, 'main/wal/1'), { recursive: true })
    await absent('main/wal', 'Permanent', 'is an empty folder')
    writeFileSync(join(base, 'main/wal/1/a'), '')
    await absent('main/wal', 'NotFound', '')
  })

  it('has nothing below it when it is an object, and is Permanent when it is neither that nor a folder', async () => {
    writeFileSync(join(base, 'main/a'), '')
    execFileSync('mkfifo', [join(base, 'main/pipe')])
    await absent('main/a/b', 'NotFound', '')
    expect(await keys('main/a/')).toEqual([])
    await absent('main/pipe/b', 'Permanent', 'neither a folder nor a regular file')
    await rejects(keys('main/pipe/'), 'Permanent', 'neither a folder nor a regular file')
    expect(await keys('main/')).toEqual(['main/a'])
  })
})
