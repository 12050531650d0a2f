import { WalrError } from '../errors/walr-error.ts'
import { formatLsn, type Lsn } from './lsn.ts'
import { byPosition, type SegmentEntry } from './segment-directory.ts'
import type { TimelineHistory } from './timeline-history.ts'
import type { TimelineId } from './timeline-id.ts'
import { segmentNumberOf, segmentStartLsn } from './wal-file-name.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

/** The timeline that a server is on, and the way it came. */
export interface ServerTimeline {
  readonly timelineId: TimelineId
  /** Undefined when the server could not say: then its ancestors are taken to be all lower timelines. */
  readonly history: TimelineHistory | undefined
}

/** Where the files of a directory say that streaming has to go on. */
export interface DirectoryStart {
  readonly timelineId: TimelineId
  /** The first byte of a segment. */
  readonly startLsn: Lsn
  /** The file that decided. */
  readonly newest: SegmentEntry
  /** False when no file can be trusted, and the start is a guess from the name of one. */
  readonly proven: boolean
  /** What the reader of the log should know: files that were passed over, and why. */
  readonly warnings: readonly string[]
  /** Finished files that cannot be trusted and stand where segments will be received again. */
  readonly damaged: readonly SegmentEntry[]
}

interface Branch {
  readonly timelineId: TimelineId
  /** Where the server left this timeline; undefined on the one it is on. */
  readonly switchLsn: Lsn | undefined
}

/**
 * Chooses the first byte that a directory lacks, along the server's timelines. The newest timeline wins, then the highest
 * segment, then a finished file over a partial one. Files that lie on a branch which the server has not taken are kept,
 * and passed over.
 * @param faultOf tells why a finished file cannot be trusted, or undefined when it can.
 * @returns undefined when the directory has no segment. With nothing but damaged ones it is the start of the oldest, not
 * proven.
 * @throws WalrError WALR_TIMELINE when the directory is on a timeline that the server does not know.
 * @see `FindStreamingStart` in PostgreSQL's `src/bin/pg_basebackup/pg_receivewal.c`, which compares segment numbers before
 * timelines and can so get stuck on a branch that was left.
 */
export async function findStreamingStart(
  entries: readonly SegmentEntry[],
  server: ServerTimeline,
  walSegmentSize: WalSegmentSize,
  faultOf: (entry: SegmentEntry) => Promise<string | undefined>,
): Promise<DirectoryStart | undefined> {
  refuseUnknownTimeline(entries, server.timelineId)
  const line = lineOf(entries, server)
  const warnings: string[] = []
  const faulty: SegmentEntry[] = []
  const inTheWay = (timelineId: TimelineId, startLsn: Lsn): readonly SegmentEntry[] =>
    faulty.filter(
      (entry) => entry.timelineId === timelineId && entry.segmentNumber >= segmentNumberOf(startLsn, walSegmentSize),
    )
  for (const [index, branch] of line.entries()) {
    const own = entries.filter((entry) => entry.timelineId === branch.timelineId)
    const newest = await newestGood(own, faultOf, { warnings, faulty })
    if (!newest) continue
    const nextNumber = newest.partial ? firstOpen(newest, own) : newest.segmentNumber + 1n
    const startLsn = segmentStartLsn(nextNumber, walSegmentSize)
    const child = line[index - 1]
    if (child && branch.switchLsn !== undefined && startLsn >= branch.switchLsn) {
      if (startLsn > branch.switchLsn && newest.segmentNumber > segmentNumberOf(branch.switchLsn, walSegmentSize)) {
        warnings.push(
          `"${newest.fileName}" is beyond ${formatLsn(branch.switchLsn)}, where the server left timeline ${branch.timelineId}; following timeline ${child.timelineId}`,
        )
      }
      const childStart = segmentStartLsn(segmentNumberOf(branch.switchLsn, walSegmentSize), walSegmentSize)
      const damaged = inTheWay(child.timelineId, childStart)
      return { timelineId: child.timelineId, startLsn: childStart, newest, proven: true, warnings, damaged }
    }
    const damaged = inTheWay(branch.timelineId, startLsn)
    return { timelineId: branch.timelineId, startLsn, newest, proven: true, warnings, damaged }
  }
  const oldest = oldestDamaged(entries, line)
  if (oldest) {
    const { timelineId, segmentNumber } = oldest
    const startLsn = segmentStartLsn(segmentNumber, walSegmentSize)
    const damaged = inTheWay(timelineId, startLsn)
    return { timelineId, startLsn, newest: oldest, proven: false, warnings, damaged }
  }
  const strangers = entries.filter((entry) => !line.some((branch) => branch.timelineId === entry.timelineId))
  if (strangers[0]) throw notAnAncestor(strangers[0], server.timelineId)
  return undefined
}

/** The server's way, newest timeline first. */
function lineOf(entries: readonly SegmentEntry[], server: ServerTimeline): readonly Branch[] {
  const ancestors: Branch[] =
    server.history?.map(({ timelineId, switchLsn }) => ({ timelineId, switchLsn })) ??
    [...new Set(entries.map((entry) => entry.timelineId))]
      .filter((timelineId) => timelineId < server.timelineId)
      .sort((a, b) => a - b)
      .map((timelineId) => ({ timelineId, switchLsn: undefined }))
  return [...ancestors, { timelineId: server.timelineId, switchLsn: undefined }].reverse()
}

async function newestGood(
  entries: readonly SegmentEntry[],
  faultOf: (entry: SegmentEntry) => Promise<string | undefined>,
  found: { readonly warnings: string[]; readonly faulty: SegmentEntry[] },
): Promise<SegmentEntry | undefined> {
  for (const entry of entries.toSorted(byPosition).toReversed()) {
    const fault = await faultOf(entry)
    if (fault === undefined) return entry
    // A partial file is written over from its beginning, whatever is in it.
    if (entry.partial) return entry
    found.warnings.push(`${fault}, skipping`)
    found.faulty.push(entry)
  }
  return undefined
}

/** Where no file can be trusted, streaming goes on at the oldest of them: to begin elsewhere would leave a gap unseen. */
function oldestDamaged(entries: readonly SegmentEntry[], line: readonly Branch[]): SegmentEntry | undefined {
  const timelineId = line.find((branch) => entries.some((entry) => entry.timelineId === branch.timelineId))?.timelineId
  return entries
    .filter((entry) => entry.timelineId === timelineId)
    .reduce<SegmentEntry | undefined>(
      (oldest, entry) => (oldest && oldest.segmentNumber <= entry.segmentNumber ? oldest : entry),
      undefined,
    )
}

/** An open segment before an open segment was never finished: streaming has to go on there. */
function firstOpen(newest: SegmentEntry, own: readonly SegmentEntry[]): bigint {
  let number = newest.segmentNumber
  for (;;) {
    const before = own.filter((entry) => entry.segmentNumber === number - 1n)
    if (before.length === 0 || before.some((entry) => !entry.partial)) return number
    number -= 1n
  }
}

function refuseUnknownTimeline(entries: readonly SegmentEntry[], serverTimelineId: TimelineId): void {
  const ahead = entries.find((entry) => entry.timelineId > serverTimelineId)
  if (!ahead) return
  throw new WalrError('WALR_TIMELINE', `starting timeline ${ahead.timelineId} is not present in the server`, {
    detail: `The directory has "${ahead.fileName}", the server is on timeline ${serverTimelineId}.`,
    hint: 'Is this an old primary that should not be running? If the server was set back on purpose, use an empty directory.',
  })
}

function notAnAncestor(entry: SegmentEntry, serverTimelineId: TimelineId): WalrError {
  return new WalrError(
    'WALR_TIMELINE',
    `timeline ${entry.timelineId} is not in the history of the server, which is on timeline ${serverTimelineId}`,
    {
      detail: `The directory has "${entry.fileName}" and nothing of the server's own timelines.`,
      hint: 'Make sure that walr is connected to the right server, or use an empty directory.',
    },
  )
}
