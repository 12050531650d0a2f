import { join } from 'node:path'
import { historyFileName } from '../wal/wal-file-name.ts'
import type { Storage } from '../plugins/contract/index.ts'
import type { Logger } from '../telemetry/logger.ts'
import { readWholeFile } from '../wal/read-whole-file.ts'
import type { GapItem, HistoryItem } from './archive-entry.ts'
import type { ArchiveLayout } from './archive-layout.ts'
import { GAPS_FOLDER } from './archive-queue.ts'
import { readHistory, type LocalWal } from './local-file.ts'
import { contentDigest, putSmallObject } from './small-object.ts'

interface SmallFileContext {
  readonly storage: Storage
  readonly layout: ArchiveLayout
  readonly wal: LocalWal
  readonly logger: Logger
}

/**
 * Archives the history of a timeline. Another history under the same name means that two clusters went different ways with
 * the same number: this one goes into quarantine, with an alarm (law 3).
 */
export async function archiveHistory(
  item: HistoryItem,
  { storage, layout, wal, logger }: SmallFileContext,
  signal: AbortSignal,
): Promise<void> {
  const name = historyFileName(item.timelineId)
  const content = await readHistory(item, wal)
  const key = layout.historyKey(name)
  const found = await putSmallObject(storage, key, content, signal)
  if (found === undefined || found.equals(content)) return
  const ownKey = layout.quarantineKey(name, contentDigest(content), '')
  await putSmallObject(storage, ownKey, content, signal)
  logger.error(`the archive has another history of timeline ${item.timelineId}`, {
    code: 'WALR_ARCHIVE_CONFLICT',
    detail: `The object is "${key}". The server's own was stored as "${ownKey}".`,
    hint: 'Two servers were promoted to the same timeline. Give the one that is not archived here another cluster name.',
    fields: { key, quarantineKey: ownKey },
  })
}

/** Archives the record of a gap (law 6). One that is there already says the same: its name holds what it says. */
export async function archiveGapRecord(
  item: GapItem,
  { storage, layout, wal }: SmallFileContext,
  signal: AbortSignal,
): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readWholeFile(wal.disk, join(wal.directory, GAPS_FOLDER, item.fileName))) chunks.push(chunk)
  await putSmallObject(storage, layout.gapKey(item.fileName), Buffer.concat(chunks), signal)
}
