import { StorageError } from '@walr/core/plugin'
import type { SftpAccess } from './access.ts'
import { hasStatus, SFTP_STATUS } from './sftp-errors.ts'
import type { FileSystemState, SftpSession } from './sftp-session.ts'

/** With less than this a file system is called full: names, and what describes a file, need some room, too. */
const NEARLY_NOTHING_BYTES = 65_536

/** A file that could not be written, or not be given its name. */
export interface UnwrittenFile {
  readonly path: string
  /** How long it was to be; undefined when that is not known. */
  readonly size: number | undefined
}

/**
 * Looks closer at what went wrong when something was written: SFTP has one word, "failure", for a full disk, a quota and all the
 * rest, and says "no such file" of the base directory, too.
 * @returns the error to be thrown; `error` itself when nothing more is known.
 */
export async function whyNotWritten(
  access: SftpAccess,
  session: SftpSession,
  error: unknown,
  file: UnwrittenFile,
): Promise<unknown> {
  if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return (await faultOf(access.base.check(session))) ?? error
  if (!hasStatus(error, SFTP_STATUS.FAILURE)) return error
  const state = await stateIfTold(access, session)
  if (state === undefined) return error
  const { path } = access.base
  return (
    fileSystemFault(state, path, await missingBytes(session, file), error) ??
    new StorageError(
      'Permanent',
      `${error.message}; ${state.freeBytes} bytes are free where "${path}" is, so look for a quota, and at the server's log`,
      { cause: error },
    )
  )
}

/** @returns why nothing can be written there; undefined when the file system does not explain it, or nothing is told of it. */
export async function whyNothingFits(
  access: SftpAccess,
  session: SftpSession,
  cause: Error,
): Promise<StorageError | undefined> {
  const state = await stateIfTold(access, session)
  return state && fileSystemFault(state, access.base.path, 0, cause)
}

/** @param missing how many bytes were still to be written. */
export function fileSystemFault(
  { freeBytes, freeFiles, allFiles, isReadOnly }: FileSystemState,
  path: string,
  missing: number,
  cause: Error,
): StorageError | undefined {
  if (isReadOnly) {
    const message = `the file system that "${path}" is on is read-only on the server; look there for the reason`
    return new StorageError('Permanent', `${message} (${cause.message})`, { cause })
  }
  const isFull = freeBytes < Math.max(missing, NEARLY_NOTHING_BYTES)
  const lacksFiles = allFiles > 0 && freeFiles < 1
  if (!isFull && !lacksFiles) return undefined
  const free = isFull ? `${freeBytes} bytes` : 'no files'
  const message = `the server has no space left: ${free} are free where "${path}" is; make room there`
  return new StorageError('Permanent', message, { cause })
}

/** What the server said first has to do when it says nothing of its file system. */
async function stateIfTold({ base }: SftpAccess, session: SftpSession): Promise<FileSystemState | undefined> {
  try {
    return await session.fileSystemState(base.path)
  } catch {
    return undefined
  }
}

async function missingBytes(session: SftpSession, { path, size = 0 }: UnwrittenFile): Promise<number> {
  const written = await session.statIfThere(path).catch(() => undefined)
  return Math.max(0, size - (written?.size ?? 0))
}

async function faultOf(check: Promise<void>): Promise<unknown> {
  try {
    await check
    return undefined
  } catch (error) {
    return error
  }
}
