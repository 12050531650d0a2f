import { StorageError } from '@walr/core/plugin'
import type { SftpAccess } from './access.ts'
import type { Publication } from './publication.ts'
import { hasStatus, SFTP_STATUS, SftpStatusError, UnsupportedRequestError } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'
import { temporaryName } from './temporary-name.ts'
import { whyNothingFits } from './why-not-written.ts'

const setHardLinks = 'set the option "hardLinks" to false, and let only one walr write there'

/**
 * Looks closer at why a hard link was not made although nothing that can be an object has the name. Only what is left when the
 * folder, the name and the space explain nothing is put down to hard links themselves.
 * @returns the error to be thrown; `error` itself when it says all, or is not the server's.
 */
export async function whyNotLinked(
  access: SftpAccess,
  session: SftpSession,
  { below, temporary }: Pick<Publication, 'below' | 'temporary'>,
  error: unknown,
): Promise<unknown> {
  if (error instanceof UnsupportedRequestError || hasStatus(error, SFTP_STATUS.OP_UNSUPPORTED)) {
    return new StorageError('Permanent', `${error.message}; ${setHardLinks}`, { cause: error })
  }
  if (!hasStatus(error, SFTP_STATUS.PERMISSION_DENIED, SFTP_STATUS.FAILURE)) return error
  const { base } = access
  const target = base.join(below)
  const fault = (await brokenLinkFault(session, target, error)) ?? (await whyNothingFits(access, session, error))
  if (fault) return fault
  // File systems without hard links say "permission denied", too, and others "failure".
  if (!(await canLinkInBase(access, session, temporary))) {
    const message = `${error.message}, and makes no hard links in "${base.path}" either`
    return new StorageError('Permanent', `${message}; if its file system has none, ${setHardLinks}`, { cause: error })
  }
  const folder = target.slice(0, target.lastIndexOf('/'))
  if (error.status === SFTP_STATUS.PERMISSION_DENIED) {
    const message = `${error.message}; the user may not make files in the folder "${folder}" there: correct its rights`
    return new StorageError('AccessDenied', message, { cause: error })
  }
  const message = `${error.message}, but makes hard links in "${base.path}"; "${folder}" may be another file system`
  return new StorageError('Permanent', `${message}, or have a quota of its own: the log of the server may tell`, {
    cause: error,
  })
}

/** @returns what is wrong when the name is that of a link that leads nowhere; undefined when it is not. */
export async function brokenLinkFault(
  session: SftpSession,
  target: string,
  cause: Error,
): Promise<StorageError | undefined> {
  if ((await session.lstatIfThere(target))?.isSymbolicLink() !== true) return undefined
  const message = `"${target}" on the server is a symbolic link that leads nowhere; remove it, or mend what it leads to`
  return new StorageError('Permanent', message, { cause })
}

/** The file was made there a moment ago: only the link is in question. */
async function canLinkInBase({ base }: SftpAccess, session: SftpSession, temporary: string): Promise<boolean> {
  const second = base.join(temporaryName())
  try {
    await session.link(temporary, second)
  } catch (error) {
    if (error instanceof SftpStatusError) return false
    throw error
  }
  await session.remove(second).catch(() => undefined)
  return true
}
