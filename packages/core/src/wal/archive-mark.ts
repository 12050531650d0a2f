import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'

/** Says that finished segments leave a receive directory, for an archive; relative to the directory. */
export const ARCHIVE_MARK = join('.walr', 'archive.json')

/**
 * Marks a directory, durably, before the first segment leaves it: from then on a segment that is not there may be in the
 * archive (law 2). `.walr` must exist. The mark stays when archiving is switched off.
 */
export async function markArchived(disk: Disk, directory: string, cluster: string): Promise<void> {
  if (await isArchived(disk, directory)) return
  const text = `${JSON.stringify({ format: 1, cluster }, undefined, 2)}\n`
  await writeFileDurably(disk, join(directory, ARCHIVE_MARK), Buffer.from(text))
}

export async function isArchived(disk: Disk, directory: string): Promise<boolean> {
  return (await disk.size(join(directory, ARCHIVE_MARK))) !== undefined
}
