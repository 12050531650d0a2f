import type { Disk } from '../disk/disk.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { NothingWritten, notDelivered, SegmentBeginning } from './segment-beginning.ts'
import type { SegmentOwner } from './segment-owner.ts'
import { readSource, type SourceFile } from './source-file.ts'
import { writeTarget } from './target-file.ts'

/** What a copy must be, and where it goes. */
export interface SegmentRequest {
  readonly disk: Disk
  readonly walFileName: WalFileName
  readonly owner: SegmentOwner
  readonly targetPath: string
  readonly signal: AbortSignal
}

/**
 * Copies a segment to where PostgreSQL wants it, decoded, and filled up with zeros when it is unfinished. Its page header
 * must be the one of this segment of this cluster, and its size the segment size, or nothing is delivered (law 5).
 * @returns false when it is an unfinished segment without a byte of WAL.
 * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE for the file; others for the disk.
 * @throws VanishedFile
 */
export async function copySegment(source: SourceFile, request: SegmentRequest): Promise<boolean> {
  const { disk, walFileName, owner, targetPath, signal } = request
  try {
    await writeTarget(disk, targetPath, signal, async (writer) => {
      const beginning = new SegmentBeginning(source, walFileName, owner)
      let length = 0
      for await (const chunk of readSource(disk, source)) {
        beginning.add(chunk)
        length += chunk.length
        if (beginning.size !== undefined && length > beginning.size) {
          throw notDelivered('WALR_SEGMENT_CORRUPT', source, `holds more than the ${beginning.size} bytes of a segment`)
        }
        await writer.write(chunk)
      }
      const size = beginning.finish()
      if (length === size) return
      if (!source.partial)
        throw notDelivered('WALR_SEGMENT_CORRUPT', source, `holds ${length} bytes instead of ${size}`)
      await writer.padTo(size)
    })
    return true
  } catch (error) {
    if (error instanceof NothingWritten) return false
    throw error
  }
}
