import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { publishSegment } from './segment-publishing.ts'

let directory: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-publish-'))
  disk = new FaultDisk(nodeDisk)
  writeFileSync(at('x.partial'), large)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})
/** More than is compared at once, and no multiple of it. */
const large = Buffer.alloc(600_000, 'walr')
const at = (name: string): string => join(directory, name)
const publish = (durable = true): Promise<void> =>
  publishSegment(disk, directory, { from: 'x.partial', to: 'x' }, durable)
const steps = (): readonly string[] =>
  disk.operations.map(({ operation, path }) => `${operation} ${path.slice(directory.length)}`)

describe('publishing a finished segment', () => {
  it('renames it, and then syncs the directory', async () => {
    await publish()
    expect(steps()).toEqual(['size /x', 'rename /x.partial', 'syncDirectory '])
    expect(readFileSync(at('x')).equals(large)).toBe(true)
    expect(existsSync(at('x.partial'))).toBe(false)
  })

  it('leaves the directory unsynced only when nothing is to be durable', async () => {
    await publish(false)
    expect(steps()).toEqual(['size /x', 'rename /x.partial'])
  })

  it('takes an equal file for itself, once that is durable', async () => {
    writeFileSync(at('x'), large)
    await publish()
    expect(readFileSync(at('x')).equals(large)).toBe(true)
    expect(existsSync(at('x.partial'))).toBe(false)
    const sequence = steps().filter((step) => /^(sync|remove|rename)/.test(step))
    expect(sequence).toEqual(['sync /x', 'remove /x.partial', 'syncDirectory '])
  })

  it('keeps both files when the other one cannot be made durable', async () => {
    writeFileSync(at('x'), large)
    disk.on({ operation: 'sync' }, { error: 'EIO' })
    await expect(publish()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(existsSync(at('x.partial'))).toBe(true)
  })

  it.each([
    ['shorter', large.subarray(0, -1)],
    ['longer', Buffer.concat([large, Buffer.alloc(1)])],
    ['different in the last byte', Buffer.concat([large.subarray(0, -1), Buffer.from('?')])],
    ['different in the first byte', Buffer.concat([Buffer.from('?'), large.subarray(1)])],
    ['empty', Buffer.alloc(0)],
  ])('refuses to replace a file that is %s, and keeps both', async (_, other) => {
    writeFileSync(at('x'), other)
    await expect(publish()).rejects.toMatchObject({
      code: 'WALR_SEGMENT_CONFLICT',
      message: `"${at('x')}" is there already and differs from the segment just received`,
    })
    expect(readFileSync(at('x')).equals(other)).toBe(true)
    expect(readFileSync(at('x.partial')).equals(large)).toBe(true)
  })

  it('says of a directory that has the name that it is one, and leaves both', async () => {
    mkdirSync(at('x'))
    await expect(publish()).rejects.toMatchObject({
      code: 'WALR_SEGMENT_CONFLICT',
      message: `"${at('x')}" is there already, and it is a directory`,
      hint: expect.stringContaining('Move "x" away') as unknown,
    })
    expect(statSync(at('x')).isDirectory()).toBe(true)
    expect(readFileSync(at('x.partial')).equals(large)).toBe(true)
  })

  it('says which file could not be renamed', async () => {
    disk.on({ operation: 'rename' }, { error: 'EACCES' })
    await expect(publish()).rejects.toMatchObject({
      code: 'WALR_WRITE_FAILED',
      message: `could not rename file "${at('x.partial')}" to "${at('x')}": Permission denied`,
    })
  })

  it('fails when the directory cannot be synced, and does not try again', async () => {
    disk.on({ operation: 'syncDirectory' }, { error: 'EIO' })
    await expect(publish()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(disk.operations.filter(({ operation }) => operation === 'syncDirectory')).toHaveLength(1)
  })
})
