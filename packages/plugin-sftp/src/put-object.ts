import type { ByteSource, PutConfirmation, PutOptions } from '@walr/core/plugin'
import type { SftpAccess } from './access.ts'
import { pathBelowBase } from './object-path.ts'
import { publishObject, refuseExisting } from './publish-object.ts'
import type { SftpSession } from './sftp-session.ts'
import { temporaryName } from './temporary-name.ts'
import { whyNotWritten } from './why-not-written.ts'
import { writeFile } from './write-file.ts'

const FILE_MODES = { private: 0o600, group: 0o640 } as const

/** Stores an object: as a temporary file first, which gets the object's name when it is complete and durable. */
export async function putObject(
  access: SftpAccess,
  key: string,
  source: ByteSource,
  { ifAbsent, signal }: PutOptions,
): Promise<PutConfirmation> {
  const { base, leftovers, options, pool } = access
  const below = pathBelowBase(access, key)
  return pool.use(signal, async (session) => {
    await base.enter(session)
    await leftovers.removeOnce(session)
    const temporary = base.join(temporaryName())
    try {
      if (ifAbsent) await refuseExisting(access, session, { key, below })
      signal.throwIfAborted()
      const { size, isSynced } = await writeFile(session, temporary, source, { mode: FILE_MODES[options.mode], signal })
      if (!isSynced) warnOnce(access)
      signal.throwIfAborted()
      await publishObject(access, session, { temporary, key, below, ifAbsent })
      return { size }
    } catch (error) {
      const why = await whyNotWritten(access, session, error, { path: temporary, size: source.size })
      await forget(session, temporary)
      throw why
    }
  })
}

/** What cannot be removed now is removed later, and is invisible until then. */
async function forget(session: SftpSession, temporary: string): Promise<void> {
  await session.remove(temporary).catch(() => undefined)
}

const warned = new WeakSet<SftpAccess>()

function warnOnce(access: SftpAccess): void {
  if (warned.has(access)) return
  warned.add(access)
  access.context.log.warning('the server has no fsync: what it confirms may be lost when its machine loses power')
}
