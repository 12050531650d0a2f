import type { Disk } from '../disk/disk.ts'
import { WalrError } from '../errors/walr-error.ts'
import { lengthWithoutZeros } from '../wal/trailing-zeros.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { findPartial, readSource, type SourceFile } from './source-file.ts'

const segmentPattern = /^([0-9A-F]{24})(?:\.gz|\.lz4|\.zst)?(?:\.partial)?$/

/** The segments, by their file names without suffixes, that the entries of a directory belong to. */
export function segmentsAmong(names: Iterable<string>): ReadonlySet<string> {
  const segments = new Set<string>()
  for (const name of names) {
    const segment = segmentPattern.exec(name)?.[1]
    if (segment !== undefined) segments.add(segment)
  }
  return segments
}

/** Whether a segment behind this one, on the same timeline, is there in any form. */
export function isFollowed(walFileName: WalFileName, segments: ReadonlySet<string>): boolean {
  const timeline = walFileName.slice(0, 8)
  for (const other of segments) if (other.startsWith(timeline) && other > walFileName) return true
  return false
}

/**
 * The unfinished file of a segment, when it is the newest of its timeline: only there the WAL may end in mid segment.
 * Should there be several, in different compressions, it is the one that goes furthest.
 * @throws WalrError WALR_SEGMENT_CORRUPT when later segments exist, so that the rest of this one is missing.
 * @throws VanishedFile
 */
export async function findNewestPartial(
  disk: Disk,
  directory: string,
  names: ReadonlySet<string>,
  walFileName: WalFileName,
): Promise<SourceFile | undefined> {
  const found = findPartial(directory, names, walFileName)
  const [only, ...others] = found
  if (only === undefined) return undefined
  if (isFollowed(walFileName, segmentsAmong(names))) {
    throw new WalrError(
      'WALR_SEGMENT_CORRUPT',
      `segment ${walFileName} is unfinished ("${only.name}"), but later ones of its timeline are there`,
      { hint: 'Fetch the segment from another copy, or give --no-partial to let WAL end before it.' },
    )
  }
  if (others.length === 0) return only
  const ends = await Promise.all(found.map(async (file) => ({ file, end: await lastByte(disk, file) })))
  return ends.reduce((best, next) => (next.end > best.end ? next : best)).file
}

/** Index behind the last byte that is not zero. */
async function lastByte(disk: Disk, file: SourceFile): Promise<number> {
  let position = 0
  let end = 0
  for await (const chunk of readSource(disk, file)) {
    const length = lengthWithoutZeros(chunk)
    if (length > 0) end = position + length
    position += chunk.length
  }
  return end
}
