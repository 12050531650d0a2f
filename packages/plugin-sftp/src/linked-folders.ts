import { StorageError } from '@walr/core/plugin'
import type { BaseDirectory } from './base-directory.ts'
import { hasStatus, SFTP_STATUS } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'

/**
 * True when one of two real paths is the other one, or lies in it: then a link from one to the other leads to objects that
 * have names already, or in a circle.
 */
export function isSameTree(a: string, b: string): boolean {
  return `${a}/`.startsWith(b.endsWith('/') ? b : `${b}/`) || `${b}/`.startsWith(a.endsWith('/') ? a : `${a}/`)
}

/** The path without links; undefined when the server says that there is nothing. */
export async function realPathIfThere(session: SftpSession, path: string): Promise<string | undefined> {
  try {
    return await session.realPath(path)
  } catch (error) {
    if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return undefined
    throw error
  }
}

/**
 * To be called before something is removed from `folders`, which are below the base directory.
 * @throws StorageError Permanent when one of them is reached by a link that leads back into the base directory: the file
 * there is another object, under its own name.
 */
export async function refuseLinksBack(
  session: SftpSession,
  base: BaseDirectory,
  folders: Iterable<string>,
): Promise<void> {
  const all = new Set<string>()
  for (const folder of folders) {
    for (let end = folder.indexOf('/'); end >= 0; end = folder.indexOf('/', end + 1)) all.add(folder.slice(0, end))
    if (folder !== '') all.add(folder)
  }
  const look = async (folder: string): Promise<void> => {
    const path = base.join(folder)
    if ((await session.lstatIfThere(path))?.isSymbolicLink() !== true) return
    const [target, root] = await Promise.all([realPathIfThere(session, path), session.realPath(base.path)])
    if (target === undefined || !isSameTree(target, root)) return
    throw new StorageError(
      'Permanent',
      `nothing is removed behind "${path}" on the server: it is a link to "${target}", and what is there has another name`,
    )
  }
  const failed = (await Promise.allSettled([...all].map(look))).find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}
