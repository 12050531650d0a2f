import { StorageError, type GetOptions, type StoredObject } from '@walr/core/plugin'
import type { SftpAccess } from './access.ts'
import { pathBelowBase } from './object-path.ts'
import { ObjectReader } from './object-reader.ts'
import { hasStatus, SFTP_STATUS } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'

/** Begins to read an object. */
export async function getObject(
  access: SftpAccess,
  key: string,
  { offset = 0, length = Infinity, signal }: GetOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const path = access.base.join(pathBelowBase(access, key))
  const lease = await access.pool.lease(signal)
  try {
    const { session } = lease
    // Only regular files may be opened: opening a named pipe waits for a writer, and everything else with it.
    await statObject(access, session, key)
    signal.throwIfAborted()
    const handle = await openObject(access, session, path)
    try {
      const { size } = await session.fstat(handle)
      signal.throwIfAborted()
      const range = { start: Math.min(offset, size), end: Math.min(offset + length, size) }
      return new ObjectReader({ key, handle, lease, ...range, signal })
    } catch (error) {
      await session.closeHandle(handle).catch(() => undefined)
      throw error
    }
  } catch (error) {
    lease.release()
    throw error
  }
}

/** Tells about an object. */
export function headObject(access: SftpAccess, key: string, signal: AbortSignal): Promise<StoredObject> {
  return access.pool.use(signal, (session) => statObject(access, session, key))
}

async function statObject(access: SftpAccess, session: SftpSession, key: string): Promise<StoredObject> {
  const { base } = access
  const path = base.join(pathBelowBase(access, key))
  await base.enter(session)
  const stats = await session.statIfThere(path)
  if (stats?.isFile() === true) return { key, size: stats.size, modifiedAt: new Date(stats.mtime * 1000) }
  if (stats !== undefined && !stats.isDirectory()) {
    throw new StorageError('Permanent', `"${path}" on the server is not a regular file`)
  }
  return notFound(access, session)
}

async function openObject(access: SftpAccess, session: SftpSession, path: string): Promise<Buffer> {
  try {
    return await session.open(path, 'r')
  } catch (error) {
    if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return notFound(access, session)
    throw error
  }
}

/** An object is absent only where the base directory is there. */
async function notFound({ base }: SftpAccess, session: SftpSession): Promise<never> {
  await base.check(session)
  throw new StorageError('NotFound', 'there is no such object')
}
