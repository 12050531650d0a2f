import { StorageError } from '@walr/core/plugin'
import { keyFolder, type SftpAccess } from './access.ts'
import { isTemporaryName } from './temporary-name.ts'

/**
 * The path of an object below the base directory: parts of keys are names of folders and files.
 * @throws StorageError Permanent for the names that are walr's own.
 */
export function pathBelowBase(access: SftpAccess, key: string): string {
  const below = `${keyFolder(access)}${key}`
  if (!isReserved(access, below)) return below
  throw new StorageError('Permanent', `key "${key}" cannot be used: it is reserved for walr`)
}

/** True for names in the base directory that are no objects. */
export function isReserved({ base }: SftpAccess, below: string): boolean {
  return isTemporaryName(below) || base.isMarker(below)
}
