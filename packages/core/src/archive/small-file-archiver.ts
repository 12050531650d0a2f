import { join } from 'node:path'
import { WalrError } from '../errors/walr-error.ts'
import { historyFileName } from '../wal/wal-file-name.ts'
import type { Storage } from '../plugins/contract/index.ts'
import { readSmallFile } from '../wal/read-whole-file.ts'
import { parseTimelineHistory, type TimelineHistory } from '../wal/timeline-history.ts'
import type { ArchiveEntry, GapItem, HistoryItem } from './archive-entry.ts'
import type { ArchiveInventory } from './archive-inventory.ts'
import type { ArchiveLayout } from './archive-layout.ts'
import { GAPS_FOLDER } from './archive-queue.ts'
import { findForeignHistory } from './foreign-history.ts'
import { readHistory, type LocalWal } from './local-file.ts'
import { contentDigest, putSmallObject } from './small-object.ts'

/** PostgreSQL writes some 300 bytes, and the label of a backup has at most 1024. */
const MAX_BACKUP_HISTORY_BYTES = 65_536

interface SmallFileContext {
  readonly storage: Storage
  readonly layout: ArchiveLayout
  readonly wal: LocalWal
}

/** What became of a history: the archive has it, or it has another one and this one is in quarantine. */
export interface HistoryOutcome {
  readonly history: TimelineHistory
  readonly conflict: WalrError | undefined
}

/**
 * Archives the history of a timeline. Another history in the archive, of this timeline or of one of its ancestors, means
 * that two servers were promoted to the same number: this one goes into quarantine (law 3).
 * @param entries of the directory. Ancestors whose histories are among them are compared when those are archived.
 * @throws WalrError WALR_TIMELINE when a history is malformed; StorageError.
 */
export async function archiveHistory(
  item: HistoryItem,
  { storage, layout, wal, inventory }: SmallFileContext & { readonly inventory: ArchiveInventory },
  entries: readonly ArchiveEntry[],
  signal: AbortSignal,
): Promise<HistoryOutcome> {
  const { timelineId } = item
  const name = historyFileName(timelineId)
  const content = await readHistory(item, wal)
  const history = parseTimelineHistory(timelineId, content.toString('utf8'))
  const local = new Set(entries.filter(({ kind }) => kind === 'history').map(({ fileName }) => fileName.slice(0, 16)))
  const ancestors = history.map((entry) => entry.timelineId)
  const others = ancestors.filter((ancestor) => !local.has(historyFileName(ancestor)))
  const foreign = await findForeignHistory(inventory, { timelineId, history }, others, signal)
  if (!foreign) {
    const found = await putSmallObject(storage, layout.historyKey(name), content, signal)
    if (found === undefined || found.equals(content)) return { history, conflict: undefined }
  }
  const ownKey = layout.quarantineKey(name, contentDigest(content), '')
  await putSmallObject(storage, ownKey, content, signal)
  const other = foreign?.timelineId ?? timelineId
  const key = layout.historyKey(historyFileName(other))
  const conflict = new WalrError('WALR_ARCHIVE_CONFLICT', `the archive has another history of timeline ${other}`, {
    detail: `The object is "${key}". The server's own history of timeline ${timelineId} was stored as "${ownKey}". Segments of this timeline and of those that come from it stay in the directory.`,
    hint: 'Two servers were promoted to the same timeline. Give the one that is not archived here another cluster name.',
  })
  return { history, conflict }
}

/**
 * Archives a backup history file of PostgreSQL. Another one of that name goes into quarantine (law 3).
 * @throws WalrError WALR_ARCHIVE_CONFLICT for such a one, WALR_DIRECTORY for something that is none; StorageError.
 */
export async function archiveBackupHistory(
  fileName: string,
  { storage, layout, wal }: SmallFileContext,
  signal: AbortSignal,
): Promise<void> {
  const path = join(wal.directory, fileName)
  const size = await wal.disk.size(path)
  if (size !== undefined && size > MAX_BACKUP_HISTORY_BYTES) {
    throw new WalrError('WALR_DIRECTORY', `"${path}" has ${size} bytes, too many for a backup history file`)
  }
  const content = await readSmallFile(wal.disk, path)
  const key = layout.backupHistoryKey(fileName)
  const found = await putSmallObject(storage, key, content, signal)
  if (found === undefined || found.equals(content)) return
  const ownKey = layout.quarantineKey(fileName, contentDigest(content), '')
  await putSmallObject(storage, ownKey, content, signal)
  throw new WalrError('WALR_ARCHIVE_CONFLICT', `the archive has another backup history file "${fileName}"`, {
    detail: `The object is "${key}". The server's own was stored as "${ownKey}".`,
    hint: 'Compare the two: they are short texts. If two servers write as one cluster, stop one of them. No recovery needs the file: rename its ".ready" in pg_wal/archive_status to ".done" when the one in the archive is right.',
  })
}

/** Archives the record of a gap (law 6). One that is there already says the same: its name holds what it says. */
export async function archiveGapRecord(
  item: GapItem,
  { storage, layout, wal }: SmallFileContext,
  signal: AbortSignal,
): Promise<void> {
  const content = await readSmallFile(wal.disk, join(wal.directory, GAPS_FOLDER, item.fileName))
  await putSmallObject(storage, layout.gapKey(item.fileName), content, signal)
}
