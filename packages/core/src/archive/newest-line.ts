import type { Lsn } from '../wal/lsn.ts'
import { switchLsnOf, type TimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId, type TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn, type WalFileSegment } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { DirectoryScan } from './archive-queue.ts'

/** The newest timeline of a directory and the way to it: what a recovery to the latest WAL replays. */
export interface NewestLine {
  readonly timelineId: TimelineId
  /** Undefined when it is not known. */
  readonly history: TimelineHistory | undefined
}

/** The newest timeline that a directory knows of; undefined for an empty one. */
export function newestTimeline({ entries, newest }: DirectoryScan): TimelineId | undefined {
  const histories = entries.filter((entry) => entry.kind === 'history').map(({ timelineId }) => timelineId)
  const highest = Math.max(newest?.timelineId ?? 0, ...histories)
  return highest === 0 ? undefined : toTimelineId(highest)
}

/**
 * Whether a recovery along the line needs the segment. Of an ancestor it needs those before the one with the switch point,
 * which the child has, too. Undefined when the history does not tell.
 */
export function isOnLine(
  { timelineId, history }: NewestLine,
  segment: WalFileSegment,
  walSegmentSize: WalSegmentSize,
): boolean | undefined {
  if (segment.timelineId === timelineId) return true
  if (!history) return undefined
  const switchLsn = switchLsnOf(history, segment.timelineId)
  return switchLsn !== undefined && segment.segmentNumber < segmentNumberOf(switchLsn, walSegmentSize)
}

/** Up to where the segments of an ancestor and its ancestors are those of the line; undefined when that is not known. */
export function sharedEnd(
  { history }: NewestLine,
  ancestor: TimelineId,
  walSegmentSize: WalSegmentSize,
): Lsn | undefined {
  const switchLsn = history && switchLsnOf(history, ancestor)
  return switchLsn === undefined
    ? undefined
    : segmentStartLsn(segmentNumberOf(switchLsn, walSegmentSize), walSegmentSize)
}
