import type { TreeDisk } from '../../disk/disk.ts'

/** Sets a mark: an empty file whose age counts. A folder that takes none is left without. */
export async function setMark(disk: TreeDisk, path: string): Promise<void> {
  try {
    const file = await disk.open(path, 'create')
    try {
      await file.truncate(0)
    } finally {
      await file.close()
    }
  } catch {
    // Then nobody knows next time, and what it says is found out again.
  }
}

/** Whether the file or folder is there and was changed within the last `ms` milliseconds. */
export async function isYoung(disk: TreeDisk, path: string, ms: number): Promise<boolean> {
  const found = await disk.stat(path)
  return found !== undefined && Math.abs(Date.now() - found.modifiedAt.getTime()) < ms
}
