import { parseTimelineHistory, type TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { ArchiveEntry, HistoryItem } from './archive-entry.ts'
import { readHistory, type LocalWal } from './local-file.ts'
import { lineOfAncestor } from './timeline-line.ts'

/**
 * The history of a timeline as the directory knows it: from its own file, or from that of a later timeline, which begins
 * with it.
 * @throws WalrError WALR_TIMELINE when a file is malformed; errors of the system as they are.
 */
export async function readLocalHistory(
  entries: readonly ArchiveEntry[],
  timelineId: TimelineId,
  wal: LocalWal,
): Promise<TimelineHistory | undefined> {
  if (timelineId === 1) return []
  const histories = entries.filter((entry) => entry.kind === 'history')
  const own = histories.find((item) => item.timelineId === timelineId)
  if (own) return parse(own, wal)
  for (const item of histories.toSorted((a, b) => b.timelineId - a.timelineId)) {
    if (item.timelineId < timelineId) break
    const line = { timelineId: item.timelineId, history: await parse(item, wal) }
    const ancestor = lineOfAncestor(line, timelineId)
    if (ancestor) return ancestor.history
  }
  return undefined
}

async function parse(item: HistoryItem, wal: LocalWal): Promise<TimelineHistory> {
  return parseTimelineHistory(item.timelineId, (await readHistory(item, wal)).toString('utf8'))
}
