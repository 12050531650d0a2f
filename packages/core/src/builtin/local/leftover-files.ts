import { join } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import { isTemporaryName } from './temporary-name.ts'

/** A file that nobody has written to for this long is nobody's: the put that made it has ended without removing it. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000

/** Removes temporary files that a crash has left in the base directory. @returns how many. Errors of the system pass. */
export async function removeLeftovers(disk: TreeDisk, base: string, now: Date): Promise<number> {
  let count = 0
  for (const { name, kind } of await disk.list(base)) {
    if (kind !== 'file' || !isTemporaryName(name)) continue
    const path = join(base, name)
    const stat = await disk.stat(path)
    if (stat === undefined || now.getTime() - stat.modifiedAt.getTime() < LEFTOVER_AGE_MS) continue
    await disk.remove(path)
    count += 1
  }
  return count
}
