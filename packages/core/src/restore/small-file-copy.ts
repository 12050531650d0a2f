import type { Disk } from '../disk/disk.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { notDelivered } from './segment-beginning.ts'
import { readSource, type SourceFile } from './source-file.ts'
import { writeTarget } from './target-file.ts'

/** Where a copy goes. */
export interface CopyRequest {
  readonly disk: Disk
  readonly targetPath: string
  readonly signal: AbortSignal
}

/** Far more than any history has; a file beyond it is something else. */
const MAX_HISTORY_BYTES = 16_777_216 // 16 MiB

/**
 * Copies a timeline history that PostgreSQL can read.
 * @throws WalrError WALR_TIMELINE for one that is malformed or empty, WALR_SEGMENT_CORRUPT for one that does not decode.
 */
export async function copyHistory(source: SourceFile, timelineId: TimelineId, request: CopyRequest): Promise<void> {
  const { disk, targetPath, signal } = request
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of readSource(disk, source)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MAX_HISTORY_BYTES) throw notDelivered('WALR_TIMELINE', source, 'is too large for a timeline history')
  }
  const content = Buffer.concat(chunks)
  if (content.length === 0) throw notDelivered('WALR_TIMELINE', source, 'is empty')
  try {
    parseTimelineHistory(timelineId, content.toString('latin1'))
  } catch (error) {
    if (!isWalrError(error)) throw error
    throw notDelivered('WALR_TIMELINE', source, `cannot be read: ${error.message}`, error)
  }
  await writeTarget(disk, targetPath, signal, (writer) => writer.write(content))
}

/** Copies a file as it is, decoded. */
export async function copyWhole(source: SourceFile, { disk, targetPath, signal }: CopyRequest): Promise<void> {
  await writeTarget(disk, targetPath, signal, async (writer) => {
    for await (const chunk of readSource(disk, source)) await writer.write(chunk)
  })
}
