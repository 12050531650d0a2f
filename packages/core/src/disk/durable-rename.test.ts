import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { durableRename } from './durable-rename.ts'
import { FaultDisk } from './fault-disk.ts'
import { nodeDisk } from './node-disk.ts'

let directory: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-rename-'))
  disk = new FaultDisk(nodeDisk)
  writeFileSync(join(directory, 'old'), 'contents')
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})
const at = (name: string) => join(directory, name)

describe('a durable rename', () => {
  it('syncs the file, renames it, and syncs the directory, in that order', async () => {
    await durableRename(disk, at('old'), at('new'))
    expect(readFileSync(at('new'), 'utf8')).toBe('contents')
    expect(disk.operations.map(({ operation, path }) => [operation, path])).toEqual([
      ['open', at('old')],
      ['sync', at('old')],
      ['close', at('old')],
      ['rename', at('old')],
      ['syncDirectory', directory],
    ])
  })

  it('syncs both directories when the file changes its directory', async () => {
    mkdirSync(at('sub'))
    await durableRename(disk, at('old'), at('sub/new'))
    const synced = disk.operations.filter(({ operation }) => operation === 'syncDirectory').map(({ path }) => path)
    expect(synced).toEqual([at('sub'), directory])
  })

  it('does not rename a file that could not be synced', async () => {
    disk.on({ operation: 'sync' }, { error: 'EIO' })
    await expect(durableRename(disk, at('old'), at('new'))).rejects.toMatchObject({
      code: 'WALR_FSYNC_FAILED',
      message: `could not fsync file "${at('old')}": Input/output error`,
    })
    expect(disk.operations.map(({ operation }) => operation)).toEqual(['open', 'sync', 'close'])
  })

  it('fails when the directory cannot be synced', async () => {
    disk.on({ operation: 'syncDirectory' }, { error: 'EIO' })
    await expect(durableRename(disk, at('old'), at('new'))).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
  })

  it('says which file could not be renamed, and why', async () => {
    mkdirSync(at('new'))
    await expect(durableRename(disk, at('old'), at('new'))).rejects.toMatchObject({
      code: 'WALR_WRITE_FAILED',
      message: `could not rename file "${at('old')}" to "${at('new')}": Is a directory`,
    })
    await expect(durableRename(disk, at('absent'), at('x'))).rejects.toMatchObject({ code: 'WALR_WRITE_FAILED' })
  })
})
