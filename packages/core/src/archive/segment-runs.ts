import type { TimelineId } from '../wal/timeline-id.ts'

/** Consecutive segment numbers, `end` not included. */
export interface NumberRun {
  readonly first: bigint
  readonly end: bigint
}

/** Consecutive segments of a timeline, `end` not included. */
export interface SegmentRun extends NumberRun {
  readonly timelineId: TimelineId
}

/**
 * What is missing between the runs that are there, and between them and `end`; oldest first.
 * @param first the first number that should be there; undefined: whatever is there first is where it begins.
 */
export function holesBetween(present: readonly NumberRun[], first: bigint | undefined, end: bigint): NumberRun[] {
  const holes: NumberRun[] = []
  let expected = first
  for (const run of present.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (run.first >= end) break
    if (expected !== undefined && run.first > expected) holes.push({ first: expected, end: run.first })
    if (expected === undefined || run.end > expected) expected = run.end
  }
  if (expected !== undefined && expected < end) holes.push({ first: expected, end })
  return holes
}
