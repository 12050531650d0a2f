import { isStorageError, type StorageErrorCode } from '@walr/core/plugin'
import { expect } from 'vitest'

/** For `rejects.toThrow`: a StorageError with this code. */
export function storageErrorWith(code: StorageErrorCode): Error {
  return expect.toSatisfy((error: unknown) => isStorageError(error, code), `a StorageError ${code}`) as Error
}
