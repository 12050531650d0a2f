import type { CodecPipeline } from '../codec/codec-pipeline.ts'
import { isStorageError, type Storage } from '../plugins/contract/index.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Lsn } from '../wal/lsn.ts'
import { findSeam, type Seam } from '../wal/seam.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn, walFileName } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ServerLine } from './archive-end.ts'
import { archiveFailure } from './archive-error.ts'
import type { ArchiveInventory } from './archive-inventory.ts'
import { parseSegmentKey, type ArchiveLayout } from './archive-layout.ts'

export interface ArchiveReader {
  readonly storage: Storage
  readonly codecs: CodecPipeline
  readonly layout: ArchiveLayout
  readonly inventory: ArchiveInventory
  readonly walSegmentSize: WalSegmentSize
  readonly logger: Logger
}

interface Newest {
  readonly timelineId: TimelineId
  readonly segmentNumber: bigint
  /** Where the server left the timeline. */
  readonly endLsn: Lsn | undefined
}

/**
 * Reads the end of the archive's newest segment on the way of a server. One that cannot be read, for a key that is missing
 * or a permission, is told in the log: then nothing can be compared.
 * @returns undefined when there is none, or it cannot be read.
 * @throws StorageError `Transient`
 */
export async function readArchiveSeam(
  reader: ArchiveReader,
  server: ServerLine,
  signal: AbortSignal,
): Promise<Seam | undefined> {
  const newest = await newestOnLine(reader, server, signal)
  if (!newest) return undefined
  const { storage, codecs, layout, walSegmentSize, logger } = reader
  const name = walFileName(newest.timelineId, newest.segmentNumber, walSegmentSize)
  for await (const { key } of storage.list(layout.segmentKey(name, ''), { signal })) {
    const found = parseSegmentKey(key)
    if (found?.walFileName !== name) continue
    const context = { objectKey: layout.boundKey(key), signal }
    const startLsn = segmentStartLsn(newest.segmentNumber, walSegmentSize)
    try {
      const plain = codecs.decode(found.suffixes, await storage.get(key, { signal }), context)
      return await findSeam(plain, { name: key, timelineId: newest.timelineId, startLsn, endLsn: newest.endLsn })
    } catch (error) {
      if (signal.aborted || (isStorageError(error) && error.code === 'Transient')) throw error
      const { message, code, hint } = archiveFailure(`compare the server with "${key}"`, error).error
      logger.warning(message, { code, hint })
    }
  }
  return undefined
}

async function newestOnLine(
  { inventory, walSegmentSize }: ArchiveReader,
  { timelineId, history = [] }: ServerLine,
  signal: AbortSignal,
): Promise<Newest | undefined> {
  const own = await inventory.newest(timelineId, signal)
  if (own) return { ...own, endLsn: undefined }
  for (const { timelineId: ancestor, switchLsn } of history.toReversed()) {
    const behind = segmentNumberOf(switchLsn, walSegmentSize) + 1n
    const newest = await inventory.newest(ancestor, signal, behind)
    if (newest) return { ...newest, endLsn: switchLsn }
  }
  return undefined
}
