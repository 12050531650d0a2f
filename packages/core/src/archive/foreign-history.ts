import { formatLsn } from '../wal/lsn.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { ArchiveInventory } from './archive-inventory.ts'
import { isSameWay, lineOfAncestor, type TimelineLine } from './timeline-line.ts'

/** A timeline of which the archive has another history than a server. */
export interface ForeignHistory {
  readonly timelineId: TimelineId
  /** What the two say. */
  readonly difference: string
}

/**
 * Compares histories of the archive with a line: another way to a timeline of the same number is that of another server,
 * and so is the WAL that the archive has of it. What the archive has no history of cannot be compared.
 * @param timelineIds timelines of the line; 1 has no history.
 * @throws WalrError WALR_TIMELINE for a malformed object; StorageError.
 */
export async function findForeignHistory(
  inventory: ArchiveInventory,
  line: TimelineLine,
  timelineIds: readonly TimelineId[],
  signal: AbortSignal,
): Promise<ForeignHistory | undefined> {
  for (const timelineId of timelineIds) {
    const own = timelineId === line.timelineId ? line : lineOfAncestor(line, timelineId)
    if (timelineId === 1 || !own) continue
    const archived = await inventory.history(timelineId, signal)
    if (!archived || isSameWay(archived, own.history)) continue
    const difference = `The archive says ${describeHistory(archived)}, the server says ${describeHistory(own.history)}.`
    return { timelineId, difference }
  }
  return undefined
}

function describeHistory(history: TimelineHistory): string {
  return history.map((entry) => `${entry.timelineId} until ${formatLsn(entry.switchLsn)}`).join(', ') || 'no ancestors'
}
