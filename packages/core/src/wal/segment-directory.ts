import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { filesAmong } from './directory-files.ts'
import type { TimelineId } from './timeline-id.ts'
import { isWalFileName, walFileSegment, type WalFileName } from './wal-file-name.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

/** How a segment's file is compressed, read from its name. */
export type SegmentSuffix = '' | '.gz' | '.lz4' | '.zst'

/** A file of a receive directory that is a segment by its name; whether its contents are good is another question. */
export interface SegmentEntry {
  /** With suffixes, as it is in the directory. */
  readonly fileName: string
  readonly walFileName: WalFileName
  readonly timelineId: TimelineId
  readonly segmentNumber: bigint
  readonly suffix: SegmentSuffix
  readonly partial: boolean
}

const pattern = /^([0-9A-F]{24})(\.gz|\.lz4|\.zst)?(\.partial)?$/

/** @returns the segment that a file of this name holds, or undefined when it is not the name of one. */
export function parseSegmentEntry(fileName: string, walSegmentSize: WalSegmentSize): SegmentEntry | undefined {
  const match = pattern.exec(fileName)
  const walFileName = match?.[1]
  if (!match || walFileName === undefined || !isWalFileName(walFileName)) return undefined
  const segment = walFileSegment(walFileName, walSegmentSize)
  if (!segment) return undefined
  const suffix = (match[2] ?? '') as SegmentSuffix
  return { fileName, walFileName, ...segment, suffix, partial: match[3] !== undefined }
}

/** Orders by timeline, then by position; of one segment the unfinished file comes first. */
export function byPosition(a: SegmentEntry, b: SegmentEntry): number {
  if (a.timelineId !== b.timelineId) return a.timelineId - b.timelineId
  if (a.segmentNumber !== b.segmentNumber) return a.segmentNumber < b.segmentNumber ? -1 : 1
  return Number(b.partial) - Number(a.partial)
}

/**
 * Lists the segments of a receive directory, in no order. Names that PostgreSQL's tools do not give to segments are left
 * out.
 * @throws WalrError WALR_DIRECTORY when it cannot be listed, or a link that is WAL by its name cannot be followed;
 * WALR_WRONG_SEGMENT_SIZE when a name is one that only segments of another size have.
 */
export async function listSegments(
  disk: Disk,
  directory: string,
  walSegmentSize: WalSegmentSize,
): Promise<readonly SegmentEntry[]> {
  const entries = await disk.list(directory).catch((error: unknown) => {
    throw new WalrError('WALR_DIRECTORY', `could not open directory "${directory}": ${systemErrorText(error)}`, {
      hint: isSystemError(error, 'ENOENT') ? 'Create the directory first; walr never does.' : undefined,
      cause: error,
    })
  })
  const files = filesAmong(directory, entries)
  const impossible = files.find((name) => pattern.test(name) && !parseSegmentEntry(name, walSegmentSize))
  if (impossible !== undefined) {
    throw new WalrError(
      'WALR_WRONG_SEGMENT_SIZE',
      `"${impossible}" cannot be a segment of a server whose segments have ${walSegmentSize} bytes`,
      { hint: 'The directory is of a cluster with another segment size. Use another directory. Nothing was written.' },
    )
  }
  return files.map((name) => parseSegmentEntry(name, walSegmentSize)).filter((entry) => entry !== undefined)
}
