import { WalrError } from '../errors/walr-error.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { historyFileName, segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import { isRecorded, type ArchiveInventory } from './archive-inventory.ts'
import { findForeignHistory } from './foreign-history.ts'
import { searchLine } from './line-search.ts'
import { stretchesOf, type TimelineLine } from './timeline-line.ts'

/** Where an archive says that receiving has to go on: at the first byte that it lacks. */
export interface ArchiveEnd {
  readonly timelineId: TimelineId
  /** The first byte of a segment. */
  readonly startLsn: Lsn
}

/** The server's timeline and the way it came; without a history when the server does not tell. */
export interface ServerLine {
  readonly timelineId: TimelineId
  readonly history: TimelineHistory | undefined
}

/**
 * Finds the first byte that the archive lacks on the server's way: behind its newest segment, or where interrupted uploads
 * left a hole that has no gap record. Only the last segments of each timeline are looked at: a receiver is waiting.
 * @returns undefined when the archive has no WAL.
 * @throws WalrError WALR_TIMELINE when the archive is on a timeline that the server does not know, has another history of
 * one of its timelines, or has WAL of which nobody can tell how the server's continues it; StorageError.
 */
export async function findArchiveEnd(
  inventory: ArchiveInventory,
  server: ServerLine,
  walSegmentSize: WalSegmentSize,
  signal: AbortSignal,
): Promise<ArchiveEnd | undefined> {
  await refuseNewerTimeline(inventory, server.timelineId, signal)
  const line = await lineOf(inventory, server, signal)
  await refuseForeignHistory(inventory, line, signal)
  const stretches = stretchesOf(line, walSegmentSize)
  const { holes, next } = await searchLine(inventory, stretches, { waiting: [], depth: 'near' }, signal)
  const gaps = holes.length === 0 ? [] : await inventory.gaps(signal)
  const hole = holes.find((run) => !isRecorded(gaps, run, walSegmentSize))
  if (hole) return { timelineId: hole.timelineId, startLsn: segmentStartLsn(hole.first, walSegmentSize) }
  return next && { timelineId: next.timelineId, startLsn: segmentStartLsn(next.segmentNumber, walSegmentSize) }
}

/** What the server does not tell, the archive may know; else only the server's own timeline can be looked at. */
async function lineOf(
  inventory: ArchiveInventory,
  { timelineId, history }: ServerLine,
  signal: AbortSignal,
): Promise<TimelineLine> {
  if (history) return { timelineId, history }
  const timelines = await inventory.timelines(signal)
  const known = await inventory.history(timelineId, signal)
  if (known) return { timelineId, history: known }
  if (timelines.length === 0 || timelines.includes(timelineId)) return { timelineId, history: [] }
  const name = historyFileName(timelineId)
  throw new WalrError('WALR_TIMELINE', `the server has no history file of its timeline ${timelineId}`, {
    detail: `The archive has WAL of timeline ${timelines.at(-1) ?? ''}. Nobody can tell how the server's continues it.`,
    hint: `Put "${name}" back into pg_wal of the server; a standby, or the server that it was promoted from, may have it.`,
  })
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

async function refuseForeignHistory(
  inventory: ArchiveInventory,
  line: TimelineLine,
  signal: AbortSignal,
): Promise<void> {
  const timelineIds = [...line.history.map((entry) => entry.timelineId), line.timelineId]
  const foreign = await findForeignHistory(inventory, line, timelineIds, signal)
  if (!foreign) return
  throw new WalrError('WALR_TIMELINE', `the archive has another history of timeline ${foreign.timelineId}`, {
    detail: foreign.difference,
    hint: 'Two servers were promoted to the same timeline. Give the one that is not archived here another cluster name.',
  })
}
