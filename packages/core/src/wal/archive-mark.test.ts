import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { ARCHIVE_MARK, isArchived, markArchived, readArchiveId } from './archive-mark.ts'

let directory: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-mark-'))
  mkdirSync(join(directory, '.walr'))
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

const mark = (archiveId?: string): Promise<string> => markArchived(disk, directory, { cluster: 'main', archiveId })
const text = (): string => readFileSync(join(directory, ARCHIVE_MARK), 'utf8')

describe('the mark of an archived directory', () => {
  it('says which archive it is once that is known', async () => {
    expect(await isArchived(disk, directory)).toBe(false)
    expect(await readArchiveId(disk, directory)).toBeUndefined()
    expect(await mark()).toBe('whole')
    expect(JSON.parse(text())).toEqual({ format: 1, cluster: 'main' })
    expect(await isArchived(disk, directory)).toBe(true)
    expect(await readArchiveId(disk, directory)).toBeUndefined()
    expect(await mark('one')).toBe('whole')
    expect(await readArchiveId(disk, directory)).toBe('one')
  })

  it.each(['ENOSPC', 'EDQUOT'] as const)('is made without contents at %s, durably', async (error) => {
    disk.on({ operation: 'write' }, { error })
    expect(await mark('one')).toBe('bare')
    expect(text()).toBe('')
    expect(await isArchived(nodeDisk, directory)).toBe(true)
    expect(await readArchiveId(nodeDisk, directory)).toBeUndefined()
    const [synced, directorySynced] = disk.operations.filter(({ operation }) => operation.startsWith('sync'))
    expect(synced).toMatchObject({ operation: 'sync', path: join(directory, ARCHIVE_MARK) })
    expect(directorySynced).toMatchObject({ operation: 'syncDirectory', path: join(directory, '.walr') })
    expect(readdirSync(join(directory, '.walr'))).toEqual(['archive.json'])
  })

  it('keeps what it says on a full disk', async () => {
    await mark('one')
    disk.on({ operation: 'write' }, { error: 'ENOSPC' })
    expect(await mark('two')).toBe('bare')
    expect(await readArchiveId(nodeDisk, directory)).toBe('one')
  })

  it('is not taken for made when not even a name fits', async () => {
    disk.on({ operation: 'open' }, { error: 'ENOSPC' })
    await expect(mark('one')).rejects.toMatchObject({ code: 'WALR_DISK_FULL' })
    expect(await isArchived(nodeDisk, directory)).toBe(false)
  })

  it.each([
    ['write', 'EIO', 'WALR_WRITE_FAILED'],
    ['sync', 'EIO', 'WALR_FSYNC_FAILED'],
  ] as const)('is not taken for made after %s failed with %s', async (operation, error, code) => {
    disk.on({ operation }, { error })
    await expect(mark('one')).rejects.toMatchObject({ code })
    expect(await isArchived(nodeDisk, directory)).toBe(false)
  })
})
