import { WalrError } from '../errors/walr-error.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import { isRecorded, type ArchiveInventory, type SegmentRun } from './archive-inventory.ts'

/** Where an archive says that receiving has to go on: at the first byte that it lacks. */
export interface ArchiveEnd {
  readonly timelineId: TimelineId
  /** The first byte of a segment. */
  readonly startLsn: Lsn
}

/** The server's timeline and the way it came. */
export interface ServerLine {
  readonly timelineId: TimelineId
  readonly history: TimelineHistory
}

/**
 * Finds the first byte that the archive lacks on the server's way: behind its newest segment, or where interrupted uploads
 * left a hole that has no gap record.
 * @returns undefined when the archive has no WAL.
 * @throws WalrError WALR_TIMELINE when the archive is on a timeline that the server does not know; StorageError.
 */
export async function findArchiveEnd(
  inventory: ArchiveInventory,
  server: ServerLine,
  walSegmentSize: WalSegmentSize,
  signal: AbortSignal,
): Promise<ArchiveEnd | undefined> {
  await refuseNewerTimeline(inventory, server.timelineId, signal)
  const holes: SegmentRun[] = []
  let end: ArchiveEnd | undefined
  let first: bigint | undefined
  for (const { timelineId, switchLsn } of [...server.history, { ...server, switchLsn: undefined }]) {
    const newest = await inventory.newest(timelineId, signal)
    const childFirst = switchLsn === undefined ? undefined : segmentNumberOf(switchLsn, walSegmentSize)
    if (newest) {
      const own = childFirst ?? newest.segmentNumber + 1n
      holes.push(...(await inventory.holesBefore(timelineId, { first: end && first, end: own }, signal)))
      end = { timelineId, startLsn: segmentStartLsn(newest.segmentNumber + 1n, walSegmentSize) }
    } else if (end && first !== undefined && childFirst !== undefined && first < childFirst) {
      // All of it is missing between the timelines before and after it.
      holes.push({ timelineId, first, end: childFirst })
    }
    // Whatever lies behind the switch is the child's, from the segment on in which it happened.
    if (end && childFirst !== undefined && end.startLsn >= segmentStartLsn(childFirst, walSegmentSize)) {
      end = { timelineId: childOf(server, timelineId), startLsn: segmentStartLsn(childFirst, walSegmentSize) }
    }
    first = childFirst
  }
  if (holes.length === 0) return end
  const gaps = await inventory.gaps(signal)
  const hole = holes.find((run) => !isRecorded(gaps, run, walSegmentSize))
  return hole ? { timelineId: hole.timelineId, startLsn: segmentStartLsn(hole.first, walSegmentSize) } : end
}

async function refuseNewerTimeline(
  inventory: ArchiveInventory,
  timelineId: TimelineId,
  signal: AbortSignal,
): Promise<void> {
  const above = await inventory.timelineAbove(timelineId, signal)
  if (above === undefined) return
  throw new WalrError('WALR_TIMELINE', `timeline ${above} of the archive is not present in the server`, {
    detail: `The server is on timeline ${timelineId}.`,
    hint: 'Is this an old primary that should not be running? If the server was set back on purpose, use another cluster name.',
  })
}

function childOf({ timelineId, history }: ServerLine, parent: TimelineId): TimelineId {
  const index = history.findIndex((entry) => entry.timelineId === parent)
  return history[index + 1]?.timelineId ?? timelineId
}
