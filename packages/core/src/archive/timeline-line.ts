import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'

/** A timeline and the way it came. */
export interface TimelineLine {
  readonly timelineId: TimelineId
  readonly history: TimelineHistory
}

/** The segments that a line takes from one of its timelines. */
export interface Stretch {
  readonly timelineId: TimelineId
  /** The segment in which the parent was left: the child has a copy of its beginning. Undefined for the oldest timeline. */
  readonly first: bigint | undefined
  /** The first segment of the next timeline, or of what is not looked at; undefined when there is no end. */
  readonly end: bigint | undefined
}

/** The timelines of a line, oldest first; what lies behind their ends is of branches that the line did not take. */
export function stretchesOf(line: TimelineLine, walSegmentSize: WalSegmentSize, end?: bigint): readonly Stretch[] {
  const stretches: Stretch[] = []
  let first: bigint | undefined
  for (const { timelineId, switchLsn } of line.history) {
    const switchNumber = segmentNumberOf(switchLsn, walSegmentSize)
    const stretchEnd = end !== undefined && end < switchNumber ? end : switchNumber
    stretches.push({ timelineId, first, end: stretchEnd })
    first = stretchEnd
  }
  return [...stretches, { timelineId: line.timelineId, first, end }]
}

/** The way of an ancestor: a history begins with those of its ancestors. Undefined when it is none. */
export function lineOfAncestor({ history }: TimelineLine, ancestor: TimelineId): TimelineLine | undefined {
  const index = history.findIndex(({ timelineId }) => timelineId === ancestor)
  return index === -1 ? undefined : { timelineId: ancestor, history: history.slice(0, index) }
}

/**
 * Whether two histories of one timeline tell of the same way. They are compared from their ends, as far as the shorter one
 * goes: a server that lacked the history of its parent has written one that begins with that.
 */
export function isSameWay(one: TimelineHistory, other: TimelineHistory): boolean {
  return one.toReversed().every(({ timelineId, switchLsn }, index) => {
    const opposite = other.at(-1 - index)
    return opposite === undefined || (opposite.timelineId === timelineId && opposite.switchLsn === switchLsn)
  })
}
