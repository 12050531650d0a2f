import { join } from 'node:path'
import { WalrError } from '../errors/walr-error.ts'
import { checkSegmentHeader, LONG_PAGE_HEADER_BYTES } from '../wal/page-header.ts'
import { segmentHeaderFault } from '../wal/segment-header-fault.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentStartLsn, type WalFileName } from '../wal/wal-file-name.ts'
import { readBorrowed, type LocalWal } from './local-file.ts'

/** The segment in which a timeline was left; the server has it under either name. */
export interface PartialItem {
  readonly fileName: WalFileName | `${WalFileName}.partial`
  readonly walFileName: WalFileName
  readonly timelineId: TimelineId
  readonly segmentNumber: bigint
}

/** What the archive calls it. */
export function partialFileName({ walFileName }: PartialItem): `${WalFileName}.partial` {
  return `${walFileName}.partial`
}

/**
 * The bytes of a segment that was not finished. Of its pages only the first is checked (law 5): behind the last record are
 * those that the file had before it was used again. Chunks are borrowed until the next one is pulled.
 * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE; errors of the system as they are.
 */
export async function* readPartialSegment(
  partial: PartialItem,
  wal: LocalWal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { fileName } = partial
  let length = 0
  for await (const chunk of readBorrowed(wal.disk, join(wal.directory, fileName))) {
    if (length === 0) checkFirstPage(partial, chunk.subarray(0, LONG_PAGE_HEADER_BYTES), wal)
    length += chunk.length
    yield chunk
  }
  if (length === wal.walSegmentSize) return
  const what = `has ${length} bytes, not ${wal.walSegmentSize}`
  throw new WalrError('WALR_SEGMENT_CORRUPT', `segment "${fileName}" ${what}`)
}

function checkFirstPage(partial: PartialItem, bytes: Uint8Array, wal: LocalWal): void {
  const { fileName, segmentNumber, timelineId } = partial
  const { systemIdentifier, walSegmentSize } = wal
  const startLsn = segmentStartLsn(segmentNumber, walSegmentSize)
  const check = checkSegmentHeader(bytes, { systemIdentifier, walSegmentSize, startLsn, timelineId })
  if (check.kind === 'ok') return
  const { code, what } = segmentHeaderFault(check)
  throw new WalrError(code, `segment "${fileName}" ${what}`)
}
