import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ArchivedSegment, ArchiveInventory } from './archive-inventory.ts'
import type { TimelineLine } from './timeline-line.ts'

export interface LineGuess {
  readonly inventory: ArchiveInventory
  readonly walSegmentSize: WalSegmentSize
  /** Segments on their way into the archive. */
  readonly waiting: readonly ArchivedSegment[]
  /** Histories that are known. */
  readonly historyOf: (timelineId: TimelineId) => Promise<TimelineHistory | undefined>
}

/**
 * The line of a timeline whose history nobody has: the highest timeline below it is taken to lead to its first segment, so
 * that whatever is missing between the two is seen. Without such a timeline nothing is known of an earlier time.
 * @param segment one of its segments.
 * @throws StorageError
 */
export async function guessLine(
  { timelineId, segmentNumber }: ArchivedSegment,
  { inventory, walSegmentSize, waiting, historyOf }: LineGuess,
  signal: AbortSignal,
): Promise<TimelineLine> {
  const timelines = [...(await inventory.timelines(signal)), ...waiting.map((segment) => segment.timelineId)]
  const below = timelines.filter((other) => other < timelineId).toSorted((a, b) => a - b)
  const parent = below.at(-1)
  if (parent === undefined) return { timelineId, history: [] }
  const own = waiting.filter((segment) => segment.timelineId === timelineId).map((segment) => segment.segmentNumber)
  const archived = await inventory.first(timelineId, signal)
  const first = [...own, ...(archived === undefined ? [] : [archived])].reduce(
    (low, n) => (n < low ? n : low),
    segmentNumber,
  )
  const earlier = parent === 1 ? [] : ((await historyOf(parent)) ?? [])
  const switchLsn = segmentStartLsn(first, walSegmentSize)
  return { timelineId, history: [...earlier, { timelineId: parent, switchLsn, reason: '' }] }
}
