import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { INITIAL_ARCHIVE_STATUS, type ArchiveStatus } from '../../archive/archive-status.ts'
import { FaultDisk } from '../../disk/fault-disk.ts'
import type { FaultMatch } from '../../disk/fault-rules.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { readStatusFile, StatusFile } from './status-file.ts'

let directory: string
let disk: FaultDisk
let archive: ArchiveStatus
const receiver = { state: 'streaming', reason: 'caught up', since: '2026-11-21T00:00:00.000Z' } as const
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-status-'))
  mkdirSync(join(directory, '.walr'))
  disk = new FaultDisk(nodeDisk)
  archive = INITIAL_ARCHIVE_STATUS
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(directory, { recursive: true })
})

const path = (): string => join(directory, '.walr', 'status.json')
const make = (): StatusFile => new StatusFile(disk, directory, () => ({ receiver, archive, guard: undefined }))
const writes = (): number => disk.operations.filter(({ operation }) => operation === 'rename').length

describe('the status file', () => {
  it('holds at the end what was so then, for the reader as it was written', async () => {
    const file = make()
    archive = { ...INITIAL_ARCHIVE_STATUS, state: 'stopped', archivedLsn: '0/700000', archivedCount: 3 }
    await file.close()
    expect(await readStatusFile(nodeDisk, directory)).toEqual({
      format: 1,
      host: hostname(),
      updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      pid: process.pid,
      receiver,
      archive: JSON.parse(JSON.stringify(archive)) as ArchiveStatus,
    })
    expect(readdirSync(join(directory, '.walr'))).toEqual(['status.json'])
  })

  it('is written at most once a second, however much changes, and now and then without a change', async () => {
    vi.useFakeTimers()
    const file = make()
    for (let change = 0; change < 100; change += 1) file.changed()
    await vi.advanceTimersByTimeAsync(999)
    expect(writes()).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    vi.useRealTimers()
    await vi.waitFor(() => expect(writes()).toBe(1))
    await file.close()
    expect(writes()).toBe(2)
  })

  it('is written without a change as well, so that its age tells whether walr runs', async () => {
    vi.useFakeTimers()
    const file = make()
    await vi.advanceTimersByTimeAsync(11_000)
    vi.useRealTimers()
    await vi.waitFor(() => expect(writes()).toBe(1))
    await file.close()
  })

  it('is never seen half written, and a shorter one replaces a longer one', async () => {
    archive = { ...INITIAL_ARCHIVE_STATUS, quarantined: Array.from({ length: 500 }, () => 'x'.repeat(24)) }
    await make().close()
    const before = readFileSync(path(), 'utf8')
    disk.on({ operation: 'write' }, { shortWrite: 10 })
    archive = INITIAL_ARCHIVE_STATUS
    await make().close()
    expect(readFileSync(path(), 'utf8')).toBe(before)
    disk = new FaultDisk(nodeDisk)
    await make().close()
    expect((await readStatusFile(nodeDisk, directory))?.archive.quarantined).toEqual([])
  })

  it.each<FaultMatch>([
    { operation: 'open' },
    { operation: 'write' },
    { operation: 'truncate' },
    { operation: 'rename' },
  ])('is not worth an error: %j may fail', async (match) => {
    disk.on(match, { error: 'ENOSPC' })
    await expect(make().close()).resolves.toBeUndefined()
    expect(readdirSync(join(directory, '.walr'))).not.toContain('status.json')
  })

  it('is undefined where walr has never written one', async () => {
    expect(await readStatusFile(nodeDisk, directory)).toBeUndefined()
    expect(await readStatusFile(nodeDisk, join(directory, 'absent'))).toBeUndefined()
  })

  it.each([
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '{}',
    '{"format":2,"archive":{},"receiver":{}}',
    '{"format":1}',
    '{"format":1,"archive":{}}',
  ])('is an error when it holds %j, and not an absent one', async (text) => {
    writeFileSync(path(), text)
    await expect(readStatusFile(nodeDisk, directory)).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
  })

  it('is an error when it cannot be read', async () => {
    disk.on({ operation: 'open' }, { error: 'EACCES' })
    await expect(readStatusFile(disk, directory)).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      message: `could not read "${path()}": Permission denied`,
    })
  })
})
