import { dirname, join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { readSmallFile } from './read-whole-file.ts'
import { syncDirectory, syncFile } from './segment-publishing.ts'

/** Says that finished segments leave a receive directory, for an archive; relative to the directory. */
export const ARCHIVE_MARK = join('.walr', 'archive.json')

/** The archive that a directory's segments go to. */
export interface ArchiveMark {
  readonly cluster: string
  /** Of the archive's identity object; undefined as long as nobody has asked for it. */
  readonly archiveId: string | undefined
}

/**
 * Marks a directory, durably, to be done before the first segment leaves it: from then on a segment that is not there may
 * be in the archive (law 2). `.walr` must exist. The mark stays when archiving is switched off.
 * @returns `bare` when the disk is full: there is a mark, and it does not say this.
 * @throws WalrError when there is no making one.
 */
export async function markArchived(disk: Disk, directory: string, mark: ArchiveMark): Promise<'whole' | 'bare'> {
  const path = join(directory, ARCHIVE_MARK)
  try {
    const text = `${JSON.stringify({ format: 1, ...mark }, undefined, 2)}\n`
    await writeFileDurably(disk, path, Buffer.from(text))
    return 'whole'
  } catch (error) {
    if (!isWalrError(error, 'WALR_DISK_FULL')) throw error
    // A file without contents needs a name, and no room.
    const file = await disk.open(path, 'create').catch(() => {
      throw error
    })
    await file.close()
    await syncFile(disk, path)
    await syncDirectory(disk, dirname(path))
    return 'bare'
  }
}

export async function isArchived(disk: Disk, directory: string): Promise<boolean> {
  return (await disk.size(join(directory, ARCHIVE_MARK))) !== undefined
}

/** Undefined without a mark, and when it does not say: then nothing is known of an earlier archive. */
export async function readArchiveId(disk: Disk, directory: string): Promise<string | undefined> {
  if (!(await isArchived(disk, directory))) return undefined
  const content = await readSmallFile(disk, join(directory, ARCHIVE_MARK))
  return /"archiveId": "([^"]+)"/.exec(content.toString('utf8'))?.[1]
}
