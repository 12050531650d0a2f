import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { formatLsn } from '../wal/lsn.ts'
import { parseSegmentEntry } from '../wal/segment-directory.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { SEGMENT, segmentLsn, segmentName, TIMELINE_1 } from '../wal/wal-bytes.fixture.ts'
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

const segment = (number: number, timelineId = 1): SegmentItem => {
  const entry = parseSegmentEntry(segmentName(number, timelineId), SEGMENT) ?? expect.unreachable()
  return { ...entry, kind: 'segment', partial: false }
}
/** Timeline 1, or one whose ancestors ended in the middle of these segments. */
const line = (timelineId = 1, ...switches: readonly (readonly [timelineId: number, number: number])[]): NewestLine => {
  const text = switches.map(([ancestor, number]) => `${ancestor}\t${formatLsn(segmentLsn(number, 4711))}\twhy`)
  const id = toTimelineId(timelineId)
  return { timelineId: id, history: parseTimelineHistory(id, text.join('\n')) }
}
const segments = (timelineId: number, ...numbers: readonly number[]): readonly SegmentItem[] =>
  numbers.map((number) => segment(number, timelineId))
const position = (isSettled = true): string | undefined => {
  const found = backlog.position(isSettled)
  return found && `${found.timelineId}:${formatLsn(found.lsn)}`
}
const reported = (): unknown => {
  const { files, bytes } = backlog.report(Date.now())
  return [files, bytes / SEGMENT, position()?.slice(2)]
}

describe('the backlog', () => {
  it('says how far the archive is without a hole, in whatever order segments are confirmed', async () => {
    expect(reported()).toEqual([0, 0, undefined])
    await backlog.update(segments(1, 4, 5, 6), line())
    expect(reported()).toEqual([3, 3, '0/400000'])
    backlog.confirmed(segment(6))
    expect(reported()).toEqual([2, 2, '0/400000'])
    backlog.confirmed(segment(4))
    expect(reported()).toEqual([1, 1, '0/500000'])
    backlog.confirmed(segment(5))
    expect(reported()).toEqual([0, 0, '0/700000'])
  })

  it('never goes back on a timeline', async () => {
    await backlog.update([segment(6)], line())
    backlog.confirmed(segment(6))
    await backlog.update([segment(4)], line())
    expect(reported()).toEqual([1, 1, '0/700000'])
  })

  it('does not count what is confirmed while files are being looked at', async () => {
    disk.on({ operation: 'stat' }, { delayMs: 10 })
    const updating = backlog.update(segments(1, 4, 5), line())
    backlog.confirmed(segment(4))
    await updating
    expect(reported()).toEqual([1, 1, '0/500000'])
    backlog.confirmed(segment(5))
    expect(reported()).toEqual([0, 0, '0/600000'])
  })

  it('counts a file that is gone as empty, and no older than now', async () => {
    await backlog.update([segment(9)], line())
    expect(backlog.report(Date.now())).toMatchObject({ files: 1, bytes: 0, seconds: 0 })
  })
})

/** All is archived up to there on timeline 1. */
async function archivedOnTimeline1(...numbers: readonly number[]): Promise<void> {
  await backlog.update(segments(1, ...numbers), line())
  for (const item of segments(1, ...numbers)) backlog.confirmed(item)
}

describe('the archived position after a failover', () => {
  it('goes back to the segment of the switch when the archive has more of the old timeline', async () => {
    await archivedOnTimeline1(4, 5, 6, 7, 8, 9)
    expect(position()).toBe('1:0/A00000')
    await backlog.update(segments(2, 7, 8), line(2, [1, 7]))
    expect(position()).toBe('2:0/700000')
    backlog.confirmed(segment(7, 2))
    expect(position()).toBe('2:0/800000')
  })

  it('goes back at once, before the new timeline has a finished segment and before anything is settled', async () => {
    await archivedOnTimeline1(4, 5, 6, 7, 8, 9)
    expect(position()).toBe('1:0/A00000')
    await backlog.update([], line(2, [1, 7]))
    expect(position(false)).toBe('2:0/700000')
  })

  it('does not advance while it is not settled', async () => {
    await archivedOnTimeline1(4)
    expect(position()).toBe('1:0/500000')
    await backlog.update(segments(2, 7, 8), line(2, [1, 7]))
    expect(position(false)).toBe('2:0/500000')
    expect(position()).toBe('2:0/700000')
  })

  it('does not count what waits, or is archived, of the branch that was left', async () => {
    await backlog.update([...segments(1, 7, 8, 9), ...segments(2, 7, 8)], line(2, [1, 7]))
    for (const item of [...segments(1, 7, 8, 9), segment(8, 2)]) backlog.confirmed(item)
    expect(position()).toBe('2:0/700000')
    expect(backlog.report(Date.now()).files).toBe(1)
    backlog.confirmed(segment(7, 2))
    expect(position()).toBe('2:0/900000')
    await backlog.update(segments(1, 7), line(2, [1, 7]))
    expect(position()).toBe('2:0/900000')
  })

  it('waits for the old timeline’s segments before the switch', async () => {
    await backlog.update([...segments(1, 5, 6), ...segments(2, 7)], line(2, [1, 7]))
    backlog.confirmed(segment(7, 2))
    expect(position()).toBe('2:0/500000')
    for (const item of segments(1, 5, 6)) backlog.confirmed(item)
    expect(position()).toBe('2:0/800000')
  })

  it('goes through several ancestors', async () => {
    await archivedOnTimeline1(4, 5, 6, 7)
    expect(position()).toBe('1:0/800000')
    await backlog.update([...segments(2, 5, 6, 7), ...segments(3, 6)], line(3, [1, 5], [2, 6]))
    expect(position()).toBe('3:0/500000')
    backlog.confirmed(segment(5, 2))
    expect(position()).toBe('3:0/600000')
    backlog.confirmed(segment(6, 3))
    expect(position()).toBe('3:0/700000')
  })

  it('is not known on a branch that does not come from the timeline before', async () => {
    await backlog.update(segments(2, 7, 8), line(2, [1, 7]))
    for (const item of segments(2, 7, 8)) backlog.confirmed(item)
    expect(position()).toBe('2:0/900000')
    await backlog.update([], line(3, [1, 5]))
    expect(position()).toBeUndefined()
    await backlog.update([...segments(2, 3), ...segments(3, 5)], line(3, [1, 5]))
    expect(position()).toBe('3:0/500000')
    backlog.confirmed(segment(5, 3))
    expect(position()).toBe('3:0/600000')
  })

  it('counts only the new timeline’s own segments without its history, and waits for all others', async () => {
    const unknown: NewestLine = { timelineId: toTimelineId(2), history: undefined }
    await archivedOnTimeline1(4, 5, 6, 7, 8, 9)
    expect(position()).toBe('1:0/A00000')
    await backlog.update(segments(1, 20), unknown)
    expect(position()).toBeUndefined()
    await backlog.update([...segments(1, 6, 20), ...segments(2, 7)], unknown)
    expect(position()).toBe('2:0/600000')
    backlog.confirmed(segment(7, 2))
    backlog.confirmed(segment(20))
    expect(position()).toBe('2:0/600000')
    backlog.confirmed(segment(6))
    expect(position()).toBe('2:0/800000')
    await backlog.update(segments(2, 8), line(2, [1, 7]))
    expect(position()).toBe('2:0/800000')
  })

  it('is of timeline 1 alone when nothing else is there, and of none in an empty directory', async () => {
    await backlog.update([], undefined)
    expect(position()).toBeUndefined()
    await backlog.update(segments(1, 4), { timelineId: TIMELINE_1, history: [] })
    expect(position()).toBe('1:0/400000')
  })
})
