import { StorageError } from '@walr/core/plugin'
import type { SftpAccess } from './access.ts'
import { hasStatus, SFTP_STATUS } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'

/** With less than this a file system is called full. */
const NEARLY_NOTHING_BYTES = 1_048_576

/**
 * Looks closer at what went wrong when something was written: SFTP has one word, "failure", for a full disk, a quota and all the
 * rest, and says "no such file" of the base directory, too.
 * @returns the error to be thrown; `error` itself when nothing more is known.
 */
export async function whyNotWritten(access: SftpAccess, session: SftpSession, error: unknown): Promise<unknown> {
  if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return (await faultOf(access.base.check(session))) ?? error
  if (hasStatus(error, SFTP_STATUS.FAILURE)) return (await spaceFault(access, session, error)) ?? error
  return error
}

async function spaceFault({ base }: SftpAccess, session: SftpSession, cause: Error): Promise<unknown> {
  try {
    const { bytes, files } = await session.freeSpace(base.path)
    const free = bytes < NEARLY_NOTHING_BYTES ? `${bytes} bytes` : files < 1 ? 'no files' : undefined
    const message =
      free === undefined
        ? `${cause.message}; ${bytes} bytes are free where "${base.path}" is, so look for a quota, and at the server's log`
        : `the server has no space left: ${free} are free where "${base.path}" is; make room there`
    return new StorageError('Permanent', message, { cause })
  } catch {
    return undefined // what the server said first has to do
  }
}

async function faultOf(check: Promise<void>): Promise<unknown> {
  try {
    await check
    return undefined
  } catch (error) {
    return error
  }
}
