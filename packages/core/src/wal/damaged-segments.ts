import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { renameFile, syncDirectory } from './segment-publishing.ts'
import type { SegmentEntry } from './segment-directory.ts'

/** Where damaged files are kept, relative to the receive directory. */
const FOLDER = join('.walr', 'damaged')

/**
 * Moves finished segments that cannot be what they should be out of the way of their own replacements, and keeps them
 * (law 3: nothing is overwritten). `.walr` must exist.
 * @returns their old and new names, relative to the directory.
 * @throws WalrError WALR_WRITE_FAILED, WALR_FSYNC_FAILED.
 */
export async function setAsideDamaged(
  disk: Disk,
  directory: string,
  damaged: readonly SegmentEntry[],
): Promise<readonly { readonly from: string; readonly to: string }[]> {
  if (damaged.length === 0) return []
  const folder = join(directory, FOLDER)
  await disk.makeDirectory(folder)
  const taken = new Set((await disk.list(folder)).map((entry) => entry.name))
  const moved = damaged.map(({ fileName }) => ({ from: fileName, to: join(FOLDER, freeName(fileName, taken)) }))
  for (const { from, to } of moved) await renameFile(disk, join(directory, from), join(directory, to))
  for (const changed of [folder, join(directory, '.walr'), directory]) await syncDirectory(disk, changed)
  return moved
}

function freeName(fileName: string, taken: Set<string>): string {
  let name = fileName
  for (let count = 2; taken.has(name); count++) name = `${fileName}.${count}`
  taken.add(name)
  return name
}
