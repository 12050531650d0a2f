import { beforeEach, expect, it } from 'vitest'
import { WalrError } from '../errors/walr-error.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import type { HistoryItem } from './archive-entry.ts'
import { TimelineGate } from './timeline-gate.ts'

const conflict = new WalrError('WALR_ARCHIVE_CONFLICT', 'another history')
let gate: TimelineGate
beforeEach(() => {
  gate = new TimelineGate()
})

const open = (...ids: readonly number[]): readonly number[] => ids.filter((id) => gate.isOpen(toTimelineId(id)))
const take = (id: number, ...lines: readonly string[]): void =>
  gate.take(toTimelineId(id), parseTimelineHistory(toTimelineId(id), lines.join('\n')))
const refuse = (id: number): void => gate.refuse(toTimelineId(id), conflict)

/** A scan that found the histories of these timelines; `taken` are in the archive. */
function scan(ids: readonly number[], taken: readonly number[] = []): void {
  const items = ids.map((id): HistoryItem => {
    return { kind: 'history', fileName: `${id}`, suffix: '', timelineId: toTimelineId(id) }
  })
  gate.update(items, (fileName) => taken.includes(Number(fileName)))
}

it('lets segments go when the histories of their timeline and its ancestors are in the archive', () => {
  scan([2, 3])
  expect(open(1, 2, 3)).toEqual([1])
  take(3, '1\t0/5000A0', '2\t0/7000A0')
  scan([2, 3], [3])
  expect(open(1, 2, 3)).toEqual([1])
  take(2, '1\t0/5000A0')
  scan([2, 3], [2, 3])
  expect(open(1, 2, 3)).toEqual([1, 2, 3])
  expect(gate.conflict).toBeUndefined()
})

it('holds a timeline whose history is refused, and its descendants, and no other', () => {
  refuse(3)
  for (const [id, lines] of [
    [2, ['1\t0/5000A0']],
    [4, ['1\t0/5000A0', '2\t0/6000A0']],
    [5, ['1\t0/5000A0', '3\t0/7000A0']],
  ] as const) {
    take(id, ...lines)
  }
  scan([2, 3, 4, 5], [2, 4, 5])
  expect(open(1, 2, 3, 4, 5)).toEqual([1, 2, 4])
  expect(gate.conflict).toBe(conflict)
})

it('holds what may be a descendant when nobody knows', () => {
  refuse(3)
  scan([3])
  expect(open(1, 2, 3, 6)).toEqual([1, 2])
})

it('holds a refused timeline when its file is gone, until its history is taken', () => {
  refuse(2)
  scan([])
  expect(open(1, 2)).toEqual([1])
  take(2, '1\t0/5000A0')
  expect(open(1, 2)).toEqual([1, 2])
  expect(gate.conflict).toBeUndefined()
})

it('needs no history of a timeline that the directory has none of', () => {
  scan([])
  expect(open(1, 2)).toEqual([1, 2])
})
