import type { SftpAccess } from './access.ts'
import { refuseLinksBack } from './linked-folders.ts'
import { pathBelowBase } from './object-path.ts'
import { RequestWindow } from './request-window.ts'
import { hasStatus, SFTP_STATUS, SftpStatusError } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'

const REMOVALS_AT_ONCE = 64

/**
 * Deletes objects, and makes that durable. A folder is no object; folders stay.
 * @throws StorageError Permanent, before anything is removed, for a key behind a link that leads back to other objects.
 */
export async function deleteObjects(access: SftpAccess, keys: readonly string[], signal: AbortSignal): Promise<void> {
  const below = keys.map((key) => pathBelowBase(access, key))
  await access.pool.use(signal, async (session) => {
    await access.base.check(session)
    await refuseLinksBack(session, access.base, new Set(below.map(folderOf)))
    const window = new RequestWindow(REMOVALS_AT_ONCE)
    const folders = new Set<string>()
    for (const path of below.map((each) => access.base.join(each))) {
      await window.room()
      signal.throwIfAborted()
      window.add(
        removeFile(session, path).then((isRemoved) => {
          if (isRemoved) folders.add(folderOf(path))
        }),
      )
    }
    await window.empty()
    for (const folder of folders) await syncIfThere(access, session, folder)
    // What was unmounted meanwhile had no files.
    await access.base.check(session)
  })
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** @returns whether there was a file. */
async function removeFile(session: SftpSession, path: string): Promise<boolean> {
  try {
    await session.remove(path)
    return true
  } catch (error) {
    if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return false
    if (error instanceof SftpStatusError && (await session.statIfThere(path))?.isDirectory() === true) return false
    throw error
  }
}

async function syncIfThere({ folderSync }: SftpAccess, session: SftpSession, folder: string): Promise<void> {
  try {
    await folderSync.sync(session, folder)
  } catch (error) {
    if (!hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) throw error
  }
}
