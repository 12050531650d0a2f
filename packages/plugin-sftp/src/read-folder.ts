import type { FileEntryWithStats } from 'ssh2'
import { allDone } from './all-done.ts'
import type { SftpSession } from './sftp-session.ts'

/** How many requests for entries are under way; OpenSSH answers each with up to a hundred. */
const AT_ONCE = 8

/**
 * Gives `take` all entries of a folder, in no order, without `.` and `..`. They are not gathered here: ssh2's are large, and
 * there may be hundreds of thousands. An error of `take` ends the reading.
 */
export async function readFolder(
  session: SftpSession,
  path: string,
  take: (entry: FileEntryWithStats) => void,
): Promise<void> {
  const handle = await session.openFolder(path)
  const readOn = async (): Promise<void> => {
    for (;;) {
      const some = await session.readFolder(handle)
      if (some === undefined) return
      for (const entry of some) if (entry.filename !== '.' && entry.filename !== '..') take(entry)
    }
  }
  try {
    await allDone(Array.from({ length: AT_ONCE }, readOn))
  } finally {
    await session.closeHandle(handle)
  }
}
