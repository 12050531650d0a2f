import type { Disk } from '../../disk/disk.ts'
import { systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'

/**
 * Makes sure that the receive directory is one and can be read, before anything is connected to.
 * @throws WalrError WALR_DIRECTORY with pg_receivewal's message.
 */
export async function checkReceiveDirectory(disk: Disk, directory: string): Promise<void> {
  try {
    await disk.list(directory)
  } catch (error) {
    throw new WalrError('WALR_DIRECTORY', `could not open directory "${directory}": ${systemErrorText(error)}`, {
      hint: 'The directory must exist; walr never creates it.',
      cause: error,
    })
  }
}
