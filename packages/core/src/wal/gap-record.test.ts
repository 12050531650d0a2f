import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { recordGap, type WalGap } from './gap-record.ts'
import { toLsn } from './lsn.ts'
import { toTimelineId } from './timeline-id.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-gap-'))
  mkdirSync(join(directory, '.walr'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})
const gap: WalGap = {
  timelineId: toTimelineId(2),
  startLsn: toLsn(0xffd00000n),
  endLsn: toLsn(0x1_00a00000n),
  reason: 'removed from the server',
}

describe('the record of a gap', () => {
  it('says from where to where WAL is missing, and since when that is known', async () => {
    await recordGap(nodeDisk, directory, gap, new Date('2026-03-01T12:00:00Z'))
    const name = '00000000FFD00000-0000000100A00000.json'
    expect(JSON.parse(readFileSync(join(directory, '.walr', 'gaps', name), 'utf8'))).toEqual({
      format: 1,
      timelineId: 2,
      startLsn: '0/FFD00000',
      endLsn: '1/A00000',
      reason: 'removed from the server',
      recordedAt: '2026-03-01T12:00:00.000Z',
    })
  })

  it('is durable with its folder, and may be made a second time', async () => {
    const disk = new FaultDisk(nodeDisk)
    await recordGap(disk, directory, gap, new Date())
    await recordGap(disk, directory, gap, new Date())
    const synced = disk.operations.filter(({ operation }) => operation === 'syncDirectory').map(({ path }) => path)
    expect(synced).toContain(join(directory, '.walr'))
    expect(synced).toContain(join(directory, '.walr', 'gaps'))
  })
})
