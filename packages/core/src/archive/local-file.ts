import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { decodeSegment } from '../wal/compression/segment-decoder.ts'
import { SegmentPages } from '../wal/segment-pages.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import { segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ArchiveEntry, HistoryItem, SegmentItem } from './archive-entry.ts'
import { GAPS_FOLDER } from './archive-queue.ts'

/** Whose WAL the directory holds. */
export interface LocalWal {
  readonly disk: Disk
  readonly directory: string
  readonly systemIdentifier: SystemIdentifier
  readonly walSegmentSize: WalSegmentSize
}

const CHUNK_BYTES = 1_048_576 // 1 MiB

/**
 * The plain bytes of a finished segment, checked page by page while they pass (law 5); complete only when the iteration
 * ends without an error. Chunks are borrowed until the next one is pulled.
 * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE; errors of the system as they are.
 */
export async function* readSegment(
  segment: SegmentItem,
  { disk, directory, systemIdentifier, walSegmentSize }: LocalWal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const pages = new SegmentPages(segment.fileName, {
    systemIdentifier,
    walSegmentSize,
    startLsn: segmentStartLsn(segment.segmentNumber, walSegmentSize),
    timelineId: segment.timelineId,
  })
  for await (const chunk of readPlain(disk, join(directory, segment.fileName), segment.suffix)) {
    pages.add(chunk)
    yield chunk
  }
  pages.finish()
}

/**
 * Reads a finished segment to its end, to see whether it is what its name says.
 * @throws as {@link readSegment}.
 */
export async function verifySegment(segment: SegmentItem, wal: LocalWal): Promise<void> {
  const chunks = readSegment(segment, wal)
  for (let next = await chunks.next(); next.done !== true;) next = await chunks.next()
}

/** The text of a history file. */
export async function readHistory(history: HistoryItem, { disk, directory }: LocalWal): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of readPlain(disk, join(directory, history.fileName), history.suffix)) {
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks)
}

/** Whether the file of an entry was moved away; false when nobody can tell. Never rejects. */
export async function isGone({ kind, fileName }: ArchiveEntry, { disk, directory }: LocalWal): Promise<boolean> {
  try {
    return (await disk.size(join(directory, kind === 'gap' ? GAPS_FOLDER : '', fileName))) === undefined
  } catch {
    return false
  }
}

function readPlain(disk: Disk, path: string, suffix: SegmentItem['suffix']): AsyncIterable<Uint8Array> {
  const bytes = readBorrowed(disk, path)
  return suffix === '' ? bytes : decodeSegment(suffix, bytes, { tolerateCut: false })
}

/** A file through one buffer: chunks are borrowed until the next one is pulled. */
export async function* readBorrowed(disk: Disk, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await disk.open(path, 'read')
  const buffer = Buffer.from(new ArrayBuffer(CHUNK_BYTES))
  try {
    for (let position = 0; ;) {
      const length = await file.read(buffer, position)
      if (length > 0) yield buffer.subarray(0, length)
      if (length < buffer.length) return
      position += length
    }
  } finally {
    await file.close()
    // Not left to the collection of garbage: there is one for each segment.
    buffer.buffer.transfer(0)
  }
}
