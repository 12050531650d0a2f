import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { formatLsn } from '../wal/lsn.ts'
import { parseSegmentEntry } from '../wal/segment-directory.ts'
import { SEGMENT, segmentName, TIMELINE_1 } from '../wal/wal-bytes.fixture.ts'
import type { SegmentItem } from './archive-entry.ts'
import { ArchiverBench } from './archiver.fixture.ts'
import { Backlog } from './backlog.ts'
import type { NewestLine } from './newest-line.ts'

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
const LINE: NewestLine = { timelineId: TIMELINE_1, history: [] }
const segments = (...numbers: readonly number[]): readonly SegmentItem[] => numbers.map((number) => segment(number))
const update = (open: readonly SegmentItem[]): Promise<void> =>
  backlog.update({ entries: open, newest: undefined, unfinished: [] }, open, LINE)
const reported = (): unknown => {
  const { files, bytes } = backlog.report(Date.now())
  const position = backlog.position(true)
  return [files, bytes / SEGMENT, position && formatLsn(position.lsn)]
}

describe('the backlog', () => {
  it('says how far the archive is without a hole, in whatever order segments are confirmed', async () => {
    expect(reported()).toEqual([0, 0, undefined])
    await update(segments(4, 5, 6))
    expect(reported()).toEqual([3, 3, '0/400000'])
    backlog.confirmed(segment(6))
    expect(reported()).toEqual([2, 2, '0/400000'])
    backlog.confirmed(segment(4))
    expect(reported()).toEqual([1, 1, '0/500000'])
    backlog.confirmed(segment(5))
    expect(reported()).toEqual([0, 0, '0/700000'])
  })

  it('counts what the directory has and the archive has, too', async () => {
    const open = segments(4, 6)
    await backlog.update({ entries: segments(4, 5, 6), newest: undefined, unfinished: [] }, open, LINE)
    expect(reported()).toEqual([2, 2, '0/400000'])
    backlog.confirmed(segment(4))
    expect(reported()).toEqual([1, 1, '0/600000'])
  })

  it('does not count what is confirmed while files are being looked at', async () => {
    disk.on({ operation: 'stat' }, { delayMs: 10 })
    const updating = update(segments(4, 5))
    backlog.confirmed(segment(4))
    await updating
    expect(reported()).toEqual([1, 1, '0/500000'])
    backlog.confirmed(segment(5))
    expect(reported()).toEqual([0, 0, '0/600000'])
  })

  it('counts a file that is gone as empty, and no older than now', async () => {
    await update([segment(9)])
    expect(backlog.report(Date.now())).toMatchObject({ files: 1, bytes: 0, seconds: 0 })
  })
})
