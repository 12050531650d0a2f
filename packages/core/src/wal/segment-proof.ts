import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { decodeSegment } from './compression/segment-decoder.ts'
import { wrongCluster } from './directory-identity.ts'
import { checkSegmentHeader, LONG_PAGE_HEADER_BYTES } from './page-header.ts'
import { readWholeFile } from './read-whole-file.ts'
import type { SegmentEntry } from './segment-directory.ts'
import type { SystemIdentifier } from './system-identifier.ts'
import { segmentStartLsn } from './wal-file-name.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

/** What the files of a directory are compared with. */
export interface ExpectedCluster {
  readonly systemIdentifier: SystemIdentifier
  readonly walSegmentSize: WalSegmentSize
}

/**
 * Reads a segment's file as far as needed to know whether walr may go on behind it: a plain file must have the segment's
 * size, a compressed one must decode to it, and the first page must be the one that belongs there.
 * @returns undefined for a finished segment that is whole, or a partial one that has the right beginning or none; else
 * what is wrong with it, as a sentence.
 * @throws WalrError WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE: not a damaged file, but somebody else's.
 */
export async function segmentFault(
  disk: Disk,
  directory: string,
  entry: SegmentEntry,
  expected: ExpectedCluster,
): Promise<string | undefined> {
  const head = Buffer.alloc(LONG_PAGE_HEADER_BYTES)
  let length: number
  try {
    length = await (entry.suffix === ''
      ? readPlain(disk, directory, entry, head)
      : decode(disk, directory, entry, head))
  } catch (error) {
    if (isWalrError(error, 'WALR_SEGMENT_CORRUPT'))
      return `segment file "${entry.fileName}" is damaged: ${error.message}`
    throw error
  }
  const check =
    length < LONG_PAGE_HEADER_BYTES
      ? undefined
      : checkSegmentHeader(head, {
          ...expected,
          startLsn: segmentStartLsn(entry.segmentNumber, expected.walSegmentSize),
          timelineId: entry.timelineId,
        })
  // Whose file it is comes first: a file of a cluster with other segments has a wrong size as well.
  if (check?.kind === 'wrong-cluster') throw foreignFile(directory, entry, head, expected)
  if (check?.kind === 'wrong-segment-size') throw wrongSegmentSize(directory, entry, check.message)
  if (!entry.partial && length !== expected.walSegmentSize) {
    const what = entry.suffix === '' ? 'segment file' : 'compressed segment file'
    const size = entry.suffix === '' ? 'size' : 'uncompressed size'
    return `${what} "${entry.fileName}" has incorrect ${size} ${length}`
  }
  if (!check || check.kind === 'ok' || (check.kind === 'empty' && entry.partial)) return undefined
  if (check.kind === 'empty') return `segment file "${entry.fileName}" holds only zeros`
  return `segment file "${entry.fileName}" ${check.message}`
}

function foreignFile(directory: string, entry: SegmentEntry, head: Buffer, expected: ExpectedCluster): WalrError {
  const found = head.readBigUInt64LE(24).toString() as SystemIdentifier
  return wrongCluster(join(directory, entry.fileName), found, expected.systemIdentifier)
}

function wrongSegmentSize(directory: string, entry: SegmentEntry, message: string): WalrError {
  return new WalrError('WALR_WRONG_SEGMENT_SIZE', `"${join(directory, entry.fileName)}" ${message}`, {
    hint: 'Use another directory for the resized cluster, and take a new base backup. Nothing was written.',
  })
}

async function readPlain(disk: Disk, directory: string, entry: SegmentEntry, head: Buffer): Promise<number> {
  const file = await disk.open(join(directory, entry.fileName), 'read')
  try {
    await file.read(head, 0)
    return await file.size()
  } finally {
    await file.close()
  }
}

async function decode(disk: Disk, directory: string, entry: SegmentEntry, head: Buffer): Promise<number> {
  if (entry.suffix === '') return 0
  const source = readWholeFile(disk, join(directory, entry.fileName))
  let length = 0
  for await (const chunk of decodeSegment(entry.suffix, source, { tolerateCut: entry.partial })) {
    if (length < head.length) head.set(chunk.subarray(0, head.length - length), length)
    length += chunk.length
  }
  return length
}
