import { WalrError } from '../errors/walr-error.ts'
import type { Disk } from './disk.ts'
import { durableRename } from './durable-rename.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'

/**
 * Makes `path` hold exactly `bytes`, durably, and never anything between its old contents and these. The bytes go to
 * `<path>.tmp` first, the name that pg_receivewal uses as well; what an earlier crash left there is replaced.
 * @throws WalrError WALR_FSYNC_FAILED, WALR_DISK_FULL or WALR_WRITE_FAILED.
 */
export async function writeFileDurably(disk: Disk, path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    await writeWhole(disk, temporary, bytes, mode)
    await durableRename(disk, temporary, path)
  } catch (error) {
    // Whatever stands in the way of removing it is less important than the first failure.
    await disk.remove(temporary).catch(() => undefined)
    throw error
  }
}

async function writeWhole(disk: Disk, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  try {
    const file = await disk.open(path, 'create', mode)
    try {
      await file.truncate(0)
      await file.write(bytes, 0, bytes.length, 0)
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = isSystemError(error, 'ENOSPC', 'EDQUOT') ? 'WALR_DISK_FULL' : 'WALR_WRITE_FAILED'
    throw new WalrError(code, `could not write file "${path}": ${systemErrorText(error)}`, { cause: error })
  }
}
