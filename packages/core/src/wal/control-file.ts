import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { parseSystemIdentifier, type SystemIdentifier } from './system-identifier.ts'

/**
 * The system identifier of the cluster in a data directory, from `global/pg_control`: the first field of
 * `ControlFileData` in all versions (`catalog/pg_control.h`).
 * @returns undefined when there is no such file.
 * @throws WalrError WALR_DIRECTORY when it is there and cannot be read.
 */
export async function readControlFile(disk: Disk, dataDirectory: string): Promise<SystemIdentifier | undefined> {
  const path = join(dataDirectory, 'global', 'pg_control')
  const bytes = Buffer.alloc(8)
  try {
    const file = await disk.open(path, 'read')
    try {
      if ((await file.read(bytes, 0)) < bytes.length) throw new Error('it is too short for a control file')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(error)}`, { cause: error })
  }
  return parseSystemIdentifier(bytes.readBigUInt64LE().toString())
}
