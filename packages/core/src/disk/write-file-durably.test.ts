import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from './fault-disk.ts'
import type { OperationName } from './fault-rules.ts'
import { nodeDisk } from './node-disk.ts'
import { writeFileDurably } from './write-file-durably.ts'

let directory: string
let path: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-write-'))
  path = join(directory, 'f')
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('writing a file durably', () => {
  it('replaces the contents as a whole, with the mode that is asked for', async () => {
    writeFileSync(path, 'something much longer')
    writeFileSync(`${path}.tmp`, 'left behind by a crash, and longer still')
    await writeFileDurably(disk, path, Buffer.from('new'), 0o640)
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(readdirSync(directory)).toEqual(['f'])
    await writeFileDurably(disk, join(directory, 'g'), Buffer.from('g'), 0o640)
    expect(statSync(join(directory, 'g')).mode & 0o777).toBe(0o640)
  })

  it('syncs the bytes before they get their name, and the directory after', async () => {
    await writeFileDurably(disk, path, Buffer.from('new'))
    const names = disk.operations.map(({ operation }) => operation)
    const order: OperationName[] = ['write', 'sync', 'rename', 'syncDirectory']
    expect(names.filter((name) => order.includes(name))).toEqual(order)
  })

  it.each([
    ['write', 'ENOSPC', 'WALR_DISK_FULL'],
    ['write', 'EDQUOT', 'WALR_DISK_FULL'],
    ['write', 'EIO', 'WALR_WRITE_FAILED'],
    ['sync', 'EIO', 'WALR_FSYNC_FAILED'],
    ['rename', 'EACCES', 'WALR_WRITE_FAILED'],
  ] as const)('leaves the old contents and no other file when %s fails with %s', async (operation, error, code) => {
    writeFileSync(path, 'old')
    disk.on({ operation }, { error })
    await expect(writeFileDurably(disk, path, Buffer.from('new'))).rejects.toMatchObject({ code })
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(directory)).toEqual(['f'])
  })
})
