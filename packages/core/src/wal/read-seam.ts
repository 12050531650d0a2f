import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { decodeSegment } from './compression/segment-decoder.ts'
import type { Lsn } from './lsn.ts'
import { readWholeFile } from './read-whole-file.ts'
import { findSeam, type Seam } from './seam.ts'
import { byPosition, listSegments, type SegmentEntry } from './segment-directory.ts'
import { segmentStartLsn } from './wal-file-name.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

/** An open segment may have nothing but zeros yet; the one before it is finished. */
const FILES = 2

/**
 * Reads the last WAL that a receive directory has up to and with the segment of `newest`, on its timeline.
 * @param endLsn where the server left that timeline; undefined when it has not.
 * @returns undefined when there is none that can be read.
 */
export async function readSeam(
  disk: Disk,
  directory: string,
  newest: SegmentEntry,
  { walSegmentSize, endLsn }: { readonly walSegmentSize: WalSegmentSize; readonly endLsn: Lsn | undefined },
): Promise<Seam | undefined> {
  const candidates = (await listSegments(disk, directory, walSegmentSize))
    .filter(({ timelineId, segmentNumber }) => {
      const startsInTime = endLsn === undefined || segmentStartLsn(segmentNumber, walSegmentSize) < endLsn
      return timelineId === newest.timelineId && segmentNumber <= newest.segmentNumber && startsInTime
    })
    .toSorted(byPosition)
    .toReversed()
  for (const entry of candidates.slice(0, FILES)) {
    const startLsn = segmentStartLsn(entry.segmentNumber, walSegmentSize)
    const seam = await unlessDamaged(() =>
      findSeam(contents(disk, directory, entry), {
        ...{ name: join(directory, entry.fileName), timelineId: entry.timelineId, startLsn, endLsn },
        // Both receivers can leave bytes of an earlier run behind the end of a compressed one.
        doubtful: entry.partial && entry.suffix !== '',
      }),
    )
    if (seam) return seam
  }
  return undefined
}

function contents(
  disk: Disk,
  directory: string,
  { fileName, suffix, partial }: SegmentEntry,
): AsyncIterable<Uint8Array> {
  const source = readWholeFile(disk, join(directory, fileName))
  return suffix === '' ? source : decodeSegment(suffix, source, { tolerateCut: partial })
}

/** A damaged file is told of by those who choose the start. */
async function unlessDamaged(read: () => Promise<Seam | undefined>): Promise<Seam | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isWalrError(error, 'WALR_SEGMENT_CORRUPT')) return undefined
    throw error
  }
}
