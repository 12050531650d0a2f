import type { FileEntryWithStats } from 'ssh2'
import { allDone } from './all-done.ts'
import type { SftpSession } from './sftp-session.ts'

/** How many requests for entries are under way; OpenSSH answers each with up to a hundred. */
const AT_ONCE = 8

/** All entries of a folder, in no order, without `.` and `..`. */
export async function readFolder(session: SftpSession, path: string): Promise<readonly FileEntryWithStats[]> {
  const handle = await session.openFolder(path)
  const entries: FileEntryWithStats[] = []
  const readOn = async (): Promise<void> => {
    for (;;) {
      const some = await session.readFolder(handle)
      if (some === undefined) return
      entries.push(...some)
    }
  }
  try {
    await allDone(Array.from({ length: AT_ONCE }, readOn))
  } finally {
    await session.closeHandle(handle)
  }
  return entries.filter(({ filename }) => filename !== '.' && filename !== '..')
}
