import { dirname } from 'node:path'
import type { DiskStat, TreeDisk } from '../../disk/disk.ts'
import { isSystemError } from '../../errors/system-error.ts'
import { StorageError } from '../../plugins/contract/index.ts'

/**
 * To be called where nothing was found at `path`, which is below `base`, before that is taken for "no such object": a link
 * on the way may lead to a volume that is not mounted (law 2). Looks upward, and ends at the first folder that is there.
 * A regular file on the way is an object, and there is nothing below it.
 * @param wanted what was looked for at `path`.
 * @throws StorageError Permanent when a link on the way leads nowhere, or when what is there cannot have anything below it
 * and is no object; errors of the system for what cannot be looked at.
 */
export async function refuseBrokenWay(
  disk: TreeDisk,
  base: string,
  path: string,
  wanted: 'object' | 'folder',
): Promise<void> {
  for (let at = path; at.length > base.length; at = dirname(at)) {
    const found = await disk.named(at)
    if (found === undefined) continue
    const hasToBeFolder = at !== path || wanted === 'folder'
    if (found === 'link') {
      const target = await linkTarget(disk, at)
      if (hasToBeFolder && target.kind !== 'directory') {
        throw new StorageError('Permanent', `"${at}" is a link that does not lead to a folder`)
      }
    } else if (hasToBeFolder && found === 'other') {
      throw new StorageError('Permanent', `"${at}" is neither a folder nor a regular file`)
    }
    return
  }
}

/** @throws StorageError Permanent when `path` is a link that leads nowhere. What is no link, or is gone, is fine. */
export async function refuseBrokenLink(disk: TreeDisk, path: string): Promise<void> {
  if ((await disk.named(path)) === 'link') await linkTarget(disk, path)
}

async function linkTarget(disk: TreeDisk, link: string): Promise<DiskStat> {
  const target = await disk.stat(link).catch((cause: unknown) => {
    if (isSystemError(cause, 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) throw leadsNowhere(link, cause)
    throw cause
  })
  if (target === undefined) throw leadsNowhere(link)
  return target
}

function leadsNowhere(link: string, cause?: unknown): StorageError {
  return new StorageError('Permanent', `"${link}" is a link that leads nowhere: is its volume mounted?`, { cause })
}
