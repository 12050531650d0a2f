import { beforeEach, describe, expect, it } from 'vitest'
import { WalrError } from '../errors/walr-error.ts'
import { parseSegmentEntry } from '../wal/segment-directory.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import type { ArchiveEntry, SegmentItem } from './archive-entry.ts'
import type { DirectoryScan } from './archive-queue.ts'
import { PendingFiles } from './pending-files.ts'
import { RetrySchedule } from './retry-schedule.ts'

const HISTORY: ArchiveEntry = {
  kind: 'history',
  fileName: '00000002.history',
  suffix: '',
  timelineId: toTimelineId(2),
}
const failure = {
  kind: 'local',
  error: new WalrError('WALR_DIRECTORY', 'no'),
  retryAfterMs: undefined,
} as const

let pending: PendingFiles
let schedule: RetrySchedule
beforeEach(() => {
  pending = new PendingFiles()
  schedule = new RetrySchedule()
})

function segment(number: number): SegmentItem {
  const entry = parseSegmentEntry(segmentName(number), SEGMENT) ?? expect.unreachable()
  return { ...entry, kind: 'segment', partial: false }
}
function look(count: number, mayStart: (segment: SegmentItem) => boolean = () => true): readonly string[] {
  const segments = Array.from({ length: count }, (_, index) => segment(index + 1))
  const scan: DirectoryScan = { entries: [HISTORY, ...segments], newest: segments.at(-1), unfinished: [] }
  pending.update(scan, mayStart, schedule)
  return pending.files.map(({ fileName }) => fileName)
}

describe('the files that wait', () => {
  it('begin with the histories, also with those that failed: segments wait for them', () => {
    for (let attempt = 0; attempt < 3; attempt += 1) schedule.failed(HISTORY.fileName, failure, 0)
    const files = look(1000)
    expect(files[0]).toBe(HISTORY.fileName)
    expect(pending.isFull).toBe(true)
  })

  it('end with the segments that failed', () => {
    schedule.failed(segmentName(1), failure, 0)
    expect(look(3)).toEqual([HISTORY.fileName, segmentName(2), segmentName(3), segmentName(1)])
  })

  it('are without those that may not start, which take no room', () => {
    const files = look(1000, ({ segmentNumber }) => segmentNumber > 990n)
    expect(files).toHaveLength(11)
    expect(pending.isFull).toBe(false)
  })

  it('leave with what was done or is in quarantine, as long as its file is there', () => {
    look(2)
    pending.quarantine(HISTORY)
    expect(pending.quarantined).toEqual([HISTORY.fileName])
    expect(pending.isDone(HISTORY.fileName)).toBe(false)
    expect(look(2)).toEqual([segmentName(1), segmentName(2)])
    pending.update({ entries: [], newest: undefined, unfinished: [] }, () => true, schedule)
    expect(pending.quarantined).toEqual([])
    expect(look(0)).toEqual([HISTORY.fileName])
    pending.done(HISTORY)
    expect(pending.isDone(HISTORY.fileName)).toBe(true)
    expect(look(0)).toEqual([])
  })
})
