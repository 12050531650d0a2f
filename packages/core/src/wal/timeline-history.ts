import { WalrError } from '../errors/walr-error.ts'
import { parseLsn, type Lsn } from './lsn.ts'
import { toTimelineId, type TimelineId } from './timeline-id.ts'
import { historyFileName } from './wal-file-name.ts'

/** One ancestor of a timeline: WAL before `switchLsn` is its own (and its ancestors'), WAL from there on its child's. */
export interface TimelineHistoryEntry {
  readonly timelineId: TimelineId
  readonly switchLsn: Lsn
  /** Why the switch happened, as the server wrote it; may be empty. */
  readonly reason: string
}

/** The ancestors of a timeline, oldest first; empty for a timeline that has none, such as 1. */
export type TimelineHistory = readonly TimelineHistoryEntry[]

const linePattern = /^(\d{1,10})\s+([0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8})(?![0-9A-Fa-f])\s*(.*)$/s

/**
 * Reads a history file as PostgreSQL does (`readTimeLineHistory` in `access/transam/timeline.c`): blank lines and lines
 * that start with `#` are skipped, blanks may lead a line, and what follows the location is free text.
 * @throws WalrError WALR_TIMELINE, naming line and content, when a line cannot be read, or timelines do not increase up to
 * below `timelineId`.
 */
export function parseTimelineHistory(timelineId: TimelineId, content: string): TimelineHistory {
  const entries: TimelineHistoryEntry[] = []
  for (const [index, raw] of content.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const entry = parseLine(line)
    if (typeof entry === 'string') throw malformed(timelineId, index + 1, line, entry)
    if (entry.timelineId <= (entries.at(-1)?.timelineId ?? 0)) {
      throw malformed(timelineId, index + 1, line, 'timelines must be in increasing order')
    }
    if (entry.timelineId >= timelineId) {
      throw malformed(timelineId, index + 1, line, `timelines must be less than ${timelineId}, whose history this is`)
    }
    entries.push(entry)
  }
  return entries
}

/** Where the server left `timelineId` on the way of this history, or undefined when that timeline is no ancestor in it. */
export function switchLsnOf(history: TimelineHistory, timelineId: TimelineId): Lsn | undefined {
  return history.find((entry) => entry.timelineId === timelineId)?.switchLsn
}

/**
 * Which timeline wrote the byte at `lsn`, seen from `timelineId` and its history (`tliOfPointInHistory`). A switch point
 * itself belongs to the child.
 */
export function timelineHolding(timelineId: TimelineId, history: TimelineHistory, lsn: Lsn): TimelineId {
  return history.find((entry) => lsn < entry.switchLsn)?.timelineId ?? timelineId
}

/** @returns what was expected, where the line is not of the form `parent, blank, location, anything`. */
function parseLine(line: string): TimelineHistoryEntry | string {
  const match = linePattern.exec(line)
  if (!match) return /^\d/.test(line) ? 'expected a timeline and its switch location' : 'expected a numeric timeline'
  const [, digits = '', location = '', reason = ''] = match
  const number = Number(digits)
  const switchLsn = parseLsn(location)
  if (number < 1 || number > 0xffff_ffff || switchLsn === undefined) return 'expected a timeline from 1 to 4294967295'
  return { timelineId: toTimelineId(number), switchLsn, reason }
}

function malformed(timelineId: TimelineId, lineNumber: number, line: string, why: string): WalrError {
  return new WalrError(
    'WALR_TIMELINE',
    `history file "${historyFileName(timelineId)}" is malformed in line ${lineNumber}: ${why}, found "${line}"`,
    { hint: 'Fetch the file from the server or another copy again.' },
  )
}
