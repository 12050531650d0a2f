import type { Disk } from '../disk/disk.ts'
import type { Logger } from '../telemetry/logger.ts'
import { formatLsn, toLsn } from '../wal/lsn.ts'
import type { ExpectedSegment } from '../wal/page-header.ts'
import { RecordScanner } from '../wal/record-scanner.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { NothingWritten, notDelivered, SegmentBeginning, type SegmentInHand } from './segment-beginning.ts'
import type { SegmentOwner } from './segment-owner.ts'
import { readSource, type SourceFile } from './source-file.ts'
import type { WalCopy } from './wal-source.ts'

const ZEROS = Buffer.alloc(262_144)

/** An unfinished segment in a directory, as far as it is valid WAL. */
export interface OpenSegmentOptions {
  readonly disk: Disk
  readonly file: SourceFile
  readonly walFileName: WalFileName
  readonly owner: SegmentOwner
  readonly logger: Logger
}

/**
 * Finds where the valid records of an unfinished segment end, and makes a copy of it that has zeros from there on. The file
 * may be being written to: what is appended after this is not in the copy.
 * @returns undefined when no WAL has been written to it yet.
 * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE for the file; others for the disk.
 * @throws VanishedFile
 */
export async function openSegmentCopy(options: OpenSegmentOptions): Promise<WalCopy | undefined> {
  const { disk, file, walFileName, owner, logger } = options
  const description = `file "${file.path}"`
  const found = await findEnd(disk, file, { description, walFileName, owner, isUnfinished: true })
  if (found === undefined) return undefined
  const { endOffset, expected } = found
  const endLsn = formatLsn(toLsn(expected.startLsn + BigInt(endOffset)))
  logger.debug(`the last valid record of "${file.name}" ends at ${endLsn}`)
  return {
    description,
    isUnfinished: true,
    size: expected.walSegmentSize,
    open: () => upTo(endOffset, expected.walSegmentSize, file, readSource(disk, file)),
  }
}

async function findEnd(
  disk: Disk,
  file: SourceFile,
  segment: SegmentInHand,
): Promise<{ readonly endOffset: number; readonly expected: ExpectedSegment } | undefined> {
  const beginning = new SegmentBeginning(segment)
  let scanner: RecordScanner | undefined
  let length = 0
  for await (const chunk of readSource(disk, file)) {
    const begun = beginning.add(chunk)
    const { expected } = beginning
    length += chunk.length
    if (expected === undefined) continue
    if (length > expected.walSegmentSize) {
      const text = `holds more than the ${expected.walSegmentSize} bytes of a segment`
      throw notDelivered('WALR_SEGMENT_CORRUPT', segment.description, text)
    }
    scanner ??= new RecordScanner(expected)
    scanner.add(begun ?? chunk)
  }
  try {
    beginning.finish()
  } catch (error) {
    if (error instanceof NothingWritten) return undefined
    throw error
  }
  const { expected } = beginning
  const endOffset = scanner?.validEndOffset ?? 0
  return expected === undefined || endOffset === 0 ? undefined : { endOffset, expected }
}

/** The first `endOffset` bytes, and zeros up to `size`. */
async function* upTo(
  endOffset: number,
  size: number,
  file: SourceFile,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let position = 0
  for await (const chunk of bytes) {
    const part = chunk.subarray(0, endOffset - position)
    position += part.length
    yield part
    if (position === endOffset) break
  }
  if (position < endOffset) {
    const text = `became shorter while it was read: ${position} bytes instead of ${endOffset}`
    throw notDelivered('WALR_SEGMENT_CORRUPT', `file "${file.path}"`, text)
  }
  for (; position < size; position += Math.min(ZEROS.length, size - position)) {
    yield ZEROS.subarray(0, size - position)
  }
}
