import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { parseSegmentEntry } from '../wal/segment-directory.ts'
import { SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import type { SegmentItem } from './archive-entry.ts'
import { ArchiverBench } from './archiver.fixture.ts'
import { Backlog } from './backlog.ts'

let bench: ArchiverBench
let disk: FaultTreeDisk
let backlog: Backlog
beforeEach(() => {
  bench = new ArchiverBench()
  disk = new FaultTreeDisk(nodeDisk)
  backlog = new Backlog(disk, bench.directory, SEGMENT)
  for (const number of [4, 5, 6]) bench.write(number)
})
afterEach(() => bench.dispose())

const segment = (number: number): SegmentItem => {
  const entry = parseSegmentEntry(segmentName(number), SEGMENT) ?? expect.unreachable()
  return { ...entry, kind: 'segment', partial: false }
}
const reported = (): unknown => {
  const { files, bytes, archivedLsn } = backlog.report(Date.now())
  return [files, bytes / SEGMENT, archivedLsn]
}

describe('the backlog', () => {
  it('says how far the archive is without a hole, in whatever order segments are confirmed', async () => {
    expect(reported()).toEqual([0, 0, undefined])
    await backlog.update([4, 5, 6].map(segment))
    expect(reported()).toEqual([3, 3, '0/400000'])
    backlog.confirmed(segment(6))
    expect(reported()).toEqual([2, 2, '0/400000'])
    backlog.confirmed(segment(4))
    expect(reported()).toEqual([1, 1, '0/500000'])
    backlog.confirmed(segment(5))
    expect(reported()).toEqual([0, 0, '0/700000'])
  })

  it('never goes back', async () => {
    await backlog.update([segment(6)])
    backlog.confirmed(segment(6))
    await backlog.update([segment(4)])
    expect(reported()).toEqual([1, 1, '0/700000'])
  })

  it('does not count what is confirmed while files are being looked at', async () => {
    disk.on({ operation: 'stat' }, { delayMs: 10 })
    const updating = backlog.update([4, 5].map(segment))
    backlog.confirmed(segment(4))
    await updating
    expect(reported()).toEqual([1, 1, '0/500000'])
    backlog.confirmed(segment(5))
    expect(reported()).toEqual([0, 0, '0/600000'])
  })

  it('counts a file that is gone as empty, and no older than now', async () => {
    await backlog.update([segment(9)])
    expect(backlog.report(Date.now())).toMatchObject({ files: 1, bytes: 0, seconds: 0 })
  })
})
