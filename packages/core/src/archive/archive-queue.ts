import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { filesAmong } from '../wal/directory-files.ts'
import { byPosition, parseSegmentEntry, type SegmentEntry } from '../wal/segment-directory.ts'
import { parseHistoryFileName } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ArchiveEntry, GapItem, HistoryItem, SegmentItem } from './archive-entry.ts'
import type { ArchivedGap } from './archive-inventory.ts'
import { parseGapFileName } from './archive-layout.ts'

/** Where `wal/gap-record.ts` keeps its records. */
export const GAPS_FOLDER = join('.walr', 'gaps')

/** What a look at the receive directory found. */
export interface DirectoryScan {
  /** What belongs into the archive: histories, gap records, then segments from the oldest timeline and position on. */
  readonly entries: readonly ArchiveEntry[]
  /** The newest segment of the directory by its name, finished or not; what is in it is another question. */
  readonly newest: SegmentEntry | undefined
  /** Segments that are being received, or were begun and left, from the oldest timeline and position on. */
  readonly unfinished: readonly SegmentEntry[]
}

const historyPattern = /^([0-9A-F]{8}\.history)(\.gz|\.lz4|\.zst)?$/
const gapPattern = /^[0-9A-F]{16}-[0-9A-F]{16}\.json$/

/**
 * Reads the queue: the directory itself. Partial segments and all names that are not WAL's are left out, and so are never
 * touched (law 4).
 * @throws WalrError WALR_DIRECTORY
 */
export async function scanDirectory(
  disk: Disk,
  directory: string,
  walSegmentSize: WalSegmentSize,
): Promise<DirectoryScan> {
  const names = await filesOf(disk, directory)
  const segments = names
    .map((name) => parseSegmentEntry(name, walSegmentSize))
    .filter((entry) => entry !== undefined)
    .toSorted(byPosition)
  const finished = onePerSegment(segments.filter((entry) => !entry.partial))
  const gaps = (await filesOf(disk, join(directory, GAPS_FOLDER), true)).filter((name) => gapPattern.test(name))
  return {
    entries: [
      ...names.map(toHistory).filter((item) => item !== undefined),
      ...gaps.toSorted().map((fileName): GapItem => ({ kind: 'gap', fileName })),
      ...finished.map((entry): SegmentItem => ({ ...entry, kind: 'segment', partial: false })),
    ],
    newest: segments.at(-1),
    unfinished: segments.filter(({ partial }) => partial),
  }
}

/** Missing WAL that the directory has records of. */
export function recordedGaps({ entries }: DirectoryScan): readonly ArchivedGap[] {
  return entries
    .filter(({ kind }) => kind === 'gap')
    .map(({ fileName }) => parseGapFileName(fileName))
    .filter((gap) => gap !== undefined)
}

/** A segment may be there plain and compressed, when a kill came between; the plain one is taken, and the other later. */
function onePerSegment(segments: readonly SegmentEntry[]): SegmentEntry[] {
  const chosen = new Map<string, SegmentEntry>()
  for (const entry of segments) {
    const other = chosen.get(entry.walFileName)
    if (!other || entry.suffix.length < other.suffix.length) chosen.set(entry.walFileName, entry)
  }
  return [...chosen.values()]
}

function toHistory(fileName: string): HistoryItem | undefined {
  const match = historyPattern.exec(fileName)
  const timelineId = match?.[1] === undefined ? undefined : parseHistoryFileName(match[1])
  if (timelineId === undefined) return undefined
  return { kind: 'history', fileName, suffix: (match?.[2] ?? '') as HistoryItem['suffix'], timelineId }
}

async function filesOf(disk: Disk, directory: string, mayBeAbsent = false): Promise<readonly string[]> {
  try {
    return filesAmong(directory, await disk.list(directory))
  } catch (error) {
    if (mayBeAbsent && isSystemError(error, 'ENOENT')) return []
    if (isWalrError(error)) throw error
    throw new WalrError('WALR_DIRECTORY', `could not open directory "${directory}": ${systemErrorText(error)}`, {
      cause: error,
    })
  }
}
