import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { readWholeFile } from './read-whole-file.ts'

/** Says that finished segments leave a receive directory, for an archive; relative to the directory. */
export const ARCHIVE_MARK = join('.walr', 'archive.json')

/** The archive that a directory's segments go to. */
export interface ArchiveMark {
  readonly cluster: string
  /** Of the archive's identity object. */
  readonly archiveId: string
}

/**
 * Marks a directory, durably, before the first segment leaves it: from then on a segment that is not there may be in the
 * archive (law 2). `.walr` must exist. The mark stays when archiving is switched off.
 * @returns the id of another archive that the directory was marked with before.
 */
export async function markArchived(disk: Disk, directory: string, mark: ArchiveMark): Promise<string | undefined> {
  const before = (await isArchived(disk, directory)) ? await readArchiveId(disk, directory) : undefined
  if (before === mark.archiveId) return undefined
  const text = `${JSON.stringify({ format: 1, ...mark }, undefined, 2)}\n`
  await writeFileDurably(disk, join(directory, ARCHIVE_MARK), Buffer.from(text))
  return before
}

export async function isArchived(disk: Disk, directory: string): Promise<boolean> {
  return (await disk.size(join(directory, ARCHIVE_MARK))) !== undefined
}

/** Undefined when the mark does not say: then nothing is known of an earlier archive. */
async function readArchiveId(disk: Disk, directory: string): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readWholeFile(disk, join(directory, ARCHIVE_MARK))) chunks.push(chunk)
  return /"archiveId": "([^"]+)"/.exec(Buffer.concat(chunks).toString('utf8'))?.[1]
}
