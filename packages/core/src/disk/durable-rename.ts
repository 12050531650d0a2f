import { dirname } from 'node:path'
import { WalrError } from '../errors/walr-error.ts'
import type { Disk } from './disk.ts'
import { systemErrorText } from '../errors/system-error.ts'

/**
 * Renames a file so that, when this resolves, a crash of the machine leaves the whole file under its new name, and at any
 * moment before leaves it under one of the two. Replaces an existing target. Both directories must be on one file system.
 * @throws WalrError WALR_FSYNC_FAILED, after which the outcome is unknown; WALR_WRITE_FAILED when nothing was renamed.
 * @see `durable_rename` in PostgreSQL's `src/common/file_utils.c`
 */
export async function durableRename(disk: Disk, from: string, to: string): Promise<void> {
  await syncFile(disk, from)
  try {
    await disk.rename(from, to)
  } catch (error) {
    const message = `could not rename file "${from}" to "${to}": ${systemErrorText(error)}`
    throw new WalrError('WALR_WRITE_FAILED', message, { cause: error })
  }
  await syncParentDirectory(disk, to)
  if (dirname(from) !== dirname(to)) await syncParentDirectory(disk, from)
}

async function syncFile(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, 'existing').catch((error: unknown) => {
    throw new WalrError('WALR_WRITE_FAILED', `could not open file "${path}": ${systemErrorText(error)}`, {
      cause: error,
    })
  })
  try {
    await file.sync()
  } catch (error) {
    throw fsyncFailed('file', path, error)
  } finally {
    await file.close()
  }
}

async function syncParentDirectory(disk: Disk, path: string): Promise<void> {
  const directory = dirname(path)
  try {
    await disk.syncDirectory(directory)
  } catch (error) {
    throw fsyncFailed('directory', directory, error)
  }
}

function fsyncFailed(what: 'file' | 'directory', path: string, cause: unknown): WalrError {
  return new WalrError('WALR_FSYNC_FAILED', `could not fsync ${what} "${path}": ${systemErrorText(cause)}`, { cause })
}
