import { beforeEach, describe, expect, it } from 'vitest'
import { formatLsn, INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import { parseSegmentEntry, type SegmentEntry } from '../wal/segment-directory.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { SEGMENT, segmentLsn, segmentName, TIMELINE_1 } from '../wal/wal-bytes.fixture.ts'
import { ArchivedFrontier, type SegmentsThere } from './archived-frontier.ts'
import type { SegmentItem } from './archive-entry.ts'
import type { NewestLine } from './newest-line.ts'

let frontier: ArchivedFrontier
beforeEach(() => {
  frontier = new ArchivedFrontier(SEGMENT)
})

const segment = (number: number, timelineId = 1): SegmentItem => {
  const entry = parseSegmentEntry(segmentName(number, timelineId), SEGMENT) ?? expect.unreachable()
  return { ...entry, kind: 'segment', partial: false }
}
const segments = (timelineId: number, ...numbers: readonly number[]): readonly SegmentItem[] =>
  numbers.map((number) => segment(number, timelineId))
const open = (...numbers: readonly number[]): readonly SegmentEntry[] =>
  numbers.map((number) => parseSegmentEntry(`${segmentName(number)}.partial`, SEGMENT) ?? expect.unreachable())
const gap = (first: number, end: number): SegmentsThere['gaps'] => [
  { startLsn: segmentLsn(first), endLsn: segmentLsn(end) },
]
/** Timeline 1, or one whose ancestors ended in the middle of these segments. */
const line = (timelineId = 1, ...switches: readonly (readonly [timelineId: number, number: number])[]): NewestLine => {
  const text = switches.map(([ancestor, number]) => `${ancestor}\t${formatLsn(segmentLsn(number, 4711))}\twhy`)
  const id = toTimelineId(timelineId)
  return { timelineId: id, history: parseTimelineHistory(id, text.join('\n')) }
}
const look = (
  waiting: readonly SegmentItem[],
  newestLine: NewestLine | undefined = line(),
  more: Partial<SegmentsThere> = {},
): void => frontier.update({ waiting, confirmed: [], unfinished: [], gaps: [], ...more }, newestLine)
const position = (isSettled = true, heldLsn?: Lsn): string | undefined => {
  const found = frontier.position(isSettled, heldLsn)
  return found && `${found.timelineId}:${formatLsn(found.lsn)}`
}
const confirm = (...numbers: readonly number[]): void => {
  for (const number of numbers) frontier.confirmed(segment(number))
}

describe('the archived position', () => {
  it('begins at what waits first once the archive was asked for what comes before', () => {
    look(segments(1, 4, 5))
    expect(position(false)).toBeUndefined()
    confirm(4)
    expect(position(false)).toBeUndefined()
    expect(position()).toBe('1:0/500000')
  })

  it('goes on with what follows, also while something else is not settled', () => {
    look(segments(1, 4, 5))
    expect(position()).toBe('1:0/400000')
    confirm(4)
    expect(position(false)).toBe('1:0/500000')
    look(segments(1, 5, 20))
    confirm(5)
    expect(position(false)).toBe('1:0/600000')
  })

  it('never goes back on a timeline', () => {
    look(segments(1, 6))
    confirm(6)
    expect(position()).toBe('1:0/700000')
    look(segments(1, 4))
    expect(position()).toBe('1:0/700000')
    look([], line())
    expect(position()).toBe('1:0/700000')
  })

  it('does not pass where WAL is held', () => {
    look(segments(1, 4, 5))
    confirm(4, 5)
    expect(position(true, segmentLsn(4))).toBe('1:0/400000')
  })

  it('begins behind what is kept of an earlier run', () => {
    look(segments(1, 6, 9), line(), { confirmed: segments(1, 3, 4, 5) })
    expect(position()).toBe('1:0/600000')
    confirm(6)
    expect(position()).toBe('1:0/700000')
  })
})

describe('a file named ahead', () => {
  it('does not raise the position, nor does what is archived of it', () => {
    look(segments(1, 4, 5, 45))
    confirm(4, 5)
    expect(position()).toBe('1:0/600000')
    look(segments(1, 45), line(), { unfinished: open(6) })
    expect(position()).toBe('1:0/600000')
    confirm(45)
    expect(position()).toBe('1:0/600000')
  })

  it('is not where it begins when something is kept, open, or archived before it', () => {
    look(segments(1, 45), line(), { confirmed: segments(1, 4, 5) })
    expect(position()).toBe('1:0/600000')
    frontier = new ArchivedFrontier(SEGMENT)
    look(segments(1, 45), line(), { unfinished: open(6) })
    expect(position()).toBe('1:0/600000')
    frontier = new ArchivedFrontier(SEGMENT)
    look(segments(1, 45), line(), { unfinished: open(4, 5, 6) })
    expect(position()).toBe('1:0/400000')
    frontier = new ArchivedFrontier(SEGMENT)
    look(segments(1, 4, 45))
    confirm(4)
    look(segments(1, 45))
    expect(position()).toBe('1:0/500000')
  })

  it('leaves nothing behind when it is moved away', () => {
    look(segments(1, 45))
    expect(position(false)).toBeUndefined()
    look([])
    expect(position()).toBeUndefined()
    look(segments(1, 6))
    expect(position()).toBe('1:0/600000')
  })
})

describe('a hole', () => {
  it('is passed when it is recorded as a gap and the segment behind it is archived', () => {
    look(segments(1, 4, 9))
    confirm(4)
    expect(position()).toBe('1:0/500000')
    const gaps = [...gap(5, 7), ...gap(7, 9)]
    look(segments(1, 9), line(), { gaps })
    expect(position()).toBe('1:0/500000')
    confirm(9)
    expect(position()).toBe('1:0/A00000')
  })

  it('is not passed while receiving goes on in it, nor when a part of it is not recorded', () => {
    look(segments(1, 4))
    confirm(4)
    expect(position()).toBe('1:0/500000')
    look(segments(1, 9), line(), { gaps: gap(5, 9), unfinished: open(5) })
    confirm(9)
    expect(position()).toBe('1:0/500000')
    look([], line(), { gaps: gap(5, 8), unfinished: open(10) })
    expect(position()).toBe('1:0/500000')
    look([], line(), { gaps: [{ startLsn: INVALID_LSN, endLsn: segmentLsn(9) }], unfinished: open(10) })
    expect(position()).toBe('1:0/500000')
    look([], line(), { gaps: gap(5, 9), unfinished: open(5, 10) })
    expect(position()).toBe('1:0/A00000')
  })

  it('that a file has left is passed when the archive was asked for it and has what follows', () => {
    look(segments(1, 4, 5, 6))
    confirm(5)
    expect(position()).toBe('1:0/400000')
    look(segments(1, 6))
    expect(position(false)).toBe('1:0/400000')
    expect(position()).toBe('1:0/600000')
    look([])
    expect(position()).toBe('1:0/600000')
  })

  it('that a file has left is not passed when the file comes back', () => {
    look(segments(1, 4, 5))
    confirm(5)
    expect(position()).toBe('1:0/400000')
    look([])
    look(segments(1, 4))
    expect(position()).toBe('1:0/400000')
    confirm(4)
    expect(position()).toBe('1:0/600000')
  })
})

/** All is archived up to there on timeline 1. */
function archivedOnTimeline1(...numbers: readonly number[]): void {
  look(segments(1, ...numbers), line())
  for (const item of segments(1, ...numbers)) frontier.confirmed(item)
}

describe('the archived position after a failover', () => {
  it('goes back to the segment of the switch when the archive has more of the old timeline', () => {
    archivedOnTimeline1(4, 5, 6, 7, 8, 9)
    expect(position()).toBe('1:0/A00000')
    look(segments(2, 7, 8), line(2, [1, 7]))
    expect(position()).toBe('2:0/700000')
    frontier.confirmed(segment(7, 2))
    expect(position()).toBe('2:0/800000')
  })

  it('goes back at once, before the new timeline has a finished segment and before anything is settled', () => {
    archivedOnTimeline1(4, 5, 6, 7, 8, 9)
    expect(position()).toBe('1:0/A00000')
    look([], line(2, [1, 7]))
    expect(position(false)).toBe('2:0/700000')
  })

  it('does not count over what lies between, which nobody has received', () => {
    archivedOnTimeline1(4)
    expect(position()).toBe('1:0/500000')
    look(segments(2, 7, 8), line(2, [1, 7]))
    expect(position()).toBe('2:0/500000')
    frontier.confirmed(segment(7, 2))
    expect(position()).toBe('2:0/500000')
  })

  it('does not count what waits, or is archived, of the branch that was left', () => {
    look([...segments(1, 7, 8, 9), ...segments(2, 7, 8)], line(2, [1, 7]))
    for (const item of [...segments(1, 7, 8, 9), segment(8, 2)]) frontier.confirmed(item)
    expect(position()).toBe('2:0/700000')
    frontier.confirmed(segment(7, 2))
    expect(position()).toBe('2:0/900000')
    look(segments(1, 7), line(2, [1, 7]))
    expect(position()).toBe('2:0/900000')
  })

  it('waits for the old timeline’s segments before the switch', () => {
    look([...segments(1, 5, 6), ...segments(2, 7)], line(2, [1, 7]))
    frontier.confirmed(segment(7, 2))
    expect(position()).toBe('2:0/500000')
    for (const item of segments(1, 5, 6)) frontier.confirmed(item)
    expect(position()).toBe('2:0/800000')
  })

  it('goes through several ancestors', () => {
    archivedOnTimeline1(4, 5, 6, 7)
    expect(position()).toBe('1:0/800000')
    look([...segments(2, 5, 6, 7), ...segments(3, 6)], line(3, [1, 5], [2, 6]))
    expect(position()).toBe('3:0/500000')
    frontier.confirmed(segment(5, 2))
    expect(position()).toBe('3:0/600000')
    frontier.confirmed(segment(6, 3))
    expect(position()).toBe('3:0/700000')
  })

  it('is not known on a branch that does not come from the timeline before', () => {
    look(segments(2, 7, 8), line(2, [1, 7]))
    for (const item of segments(2, 7, 8)) frontier.confirmed(item)
    expect(position()).toBe('2:0/900000')
    look([], line(3, [1, 5]))
    expect(position()).toBeUndefined()
    look([...segments(2, 3), ...segments(3, 5)], line(3, [1, 5]))
    expect(position()).toBe('3:0/500000')
    frontier.confirmed(segment(5, 3))
    expect(position()).toBe('3:0/600000')
  })

  it('counts only the new timeline’s own segments without its history, and waits for all others', () => {
    const unknown: NewestLine = { timelineId: toTimelineId(2), history: undefined }
    archivedOnTimeline1(4, 5, 6, 7, 8, 9)
    expect(position()).toBe('1:0/A00000')
    look(segments(1, 20), unknown)
    expect(position()).toBeUndefined()
    look([...segments(1, 6, 20), ...segments(2, 7)], unknown)
    expect(position()).toBe('2:0/600000')
    frontier.confirmed(segment(7, 2))
    frontier.confirmed(segment(20))
    expect(position()).toBe('2:0/600000')
    frontier.confirmed(segment(6))
    expect(position()).toBe('2:0/800000')
    look(segments(2, 8), line(2, [1, 7]))
    expect(position()).toBe('2:0/800000')
  })

  it('is of timeline 1 alone when nothing else is there, and of none in an empty directory', () => {
    look([], undefined)
    expect(position()).toBeUndefined()
    look(segments(1, 4), { timelineId: TIMELINE_1, history: [] })
    expect(position()).toBe('1:0/400000')
  })
})
