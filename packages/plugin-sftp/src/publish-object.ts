import { StorageError } from '@walr/core/plugin'
import type { SftpAccess } from './access.ts'
import type { Publication } from './publication.ts'
import { hasStatus, SFTP_STATUS, SftpStatusError, UnsupportedRequestError } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'
import { brokenLinkFault, whyNotLinked } from './why-not-linked.ts'

/**
 * Gives a file the name of an object; with `ifAbsent` only when that is free. The temporary one is gone
 * then. When it rejects, the object may be there all the same: whole, with the name not durable yet. It stays then, since others
 * may have seen it, made it durable, and relied on it.
 * @throws StorageError AlreadyExists, which is said of an object only once that is durable.
 */
export async function publishObject(access: SftpAccess, session: SftpSession, publication: Publication): Promise<void> {
  try {
    await publishOnce(access, session, publication)
  } catch (error) {
    // Somebody has removed a folder that was there.
    if (!hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) throw error
    await access.base.check(session)
    access.folders.forget()
    await publishOnce(access, session, publication)
  }
}

/**
 * Rejects with AlreadyExists when there is an object. It is made durable first: the process that stored it may have ended
 * before it did that, and who hears AlreadyExists may remove the last other copy.
 */
export async function refuseExisting(
  access: SftpAccess,
  session: SftpSession,
  { key, below }: Pick<Publication, 'key' | 'below'>,
): Promise<void> {
  const path = access.base.join(below)
  const stats = await session.statIfThere(path)
  if (stats === undefined) return
  if (!stats.isFile()) throw new StorageError('Permanent', `"${path}" on the server is there and is not a file`)
  await syncFile(session, path)
  await access.folderSync.sync(session, await access.folders.make(session, below))
  throw new StorageError('AlreadyExists', `there is an object "${key}" already`)
}

async function publishOnce(access: SftpAccess, session: SftpSession, publication: Publication): Promise<void> {
  const { temporary, below } = publication
  const folder = await access.folders.make(session, below)
  let removal = Promise.resolve()
  try {
    await access.folderSync.syncAfter(session, folder, async () => {
      await giveName(access, session, publication)
      removal = session.remove(temporary).catch(() => undefined) // a rename has left nothing
    })
  } finally {
    await removal
  }
}

async function giveName(access: SftpAccess, session: SftpSession, publication: Publication): Promise<void> {
  const { temporary, below, ifAbsent } = publication
  if (!ifAbsent) await replace(session, temporary, access.base.join(below))
  else if (access.options.hardLinks) await link(access, session, publication)
  else await renameIfAbsent(access, session, publication)
}

async function link(access: SftpAccess, session: SftpSession, publication: Publication): Promise<void> {
  const target = access.base.join(publication.below)
  try {
    await session.link(publication.temporary, target)
  } catch (error) {
    // The status does not tell whether the name was taken.
    if (error instanceof SftpStatusError) await refuseExisting(access, session, publication)
    throw await whyNotLinked(access, session, publication, error)
  }
}

/** OpenSSH's rename fails when the name is taken, and so does that of other servers, but nobody promises it. */
async function renameIfAbsent(access: SftpAccess, session: SftpSession, publication: Publication): Promise<void> {
  await refuseExisting(access, session, publication)
  try {
    await session.rename(publication.temporary, access.base.join(publication.below))
  } catch (error) {
    if (!(error instanceof SftpStatusError)) throw error
    await refuseExisting(access, session, publication)
    throw (await brokenLinkFault(session, access.base.join(publication.below), error)) ?? error
  }
}

async function replace(session: SftpSession, temporary: string, target: string): Promise<void> {
  try {
    await session.replace(temporary, target)
  } catch (error) {
    if (!(error instanceof UnsupportedRequestError)) throw error
    await replaceWithout(session, temporary, target, error)
  }
}

/** A rename that may fail when there is an object: removing that one first would leave a moment without any. */
async function replaceWithout(
  session: SftpSession,
  temporary: string,
  target: string,
  cause: UnsupportedRequestError,
): Promise<void> {
  try {
    await session.rename(temporary, target)
  } catch (error) {
    if (!(error instanceof SftpStatusError) || (await session.statIfThere(target)) === undefined) throw error
    throw new StorageError('Permanent', `"${target}" cannot be replaced in one step: ${cause.message}`, {
      cause: error,
    })
  }
}

async function syncFile(session: SftpSession, path: string): Promise<void> {
  const handle = await session.open(path, 'r')
  try {
    await session.sync(handle)
  } catch (error) {
    if (!(error instanceof UnsupportedRequestError)) throw error
  } finally {
    await session.closeHandle(handle)
  }
}
