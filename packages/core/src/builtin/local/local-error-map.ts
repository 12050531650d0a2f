import { StorageError, isStorageError, type StorageErrorCode } from '../../plugins/contract/index.ts'
import { isSystemError, systemErrorName, systemErrorText } from '../../errors/system-error.ts'

/**
 * What errors of the system mean for an object. ENOENT is not here: whether it means "no such key" depends on the base
 * directory, which the caller has to look at. What is not listed is `Permanent`.
 */
export const LOCAL_ERROR_CODES: Readonly<Record<string, StorageErrorCode>> = {
  EACCES: 'AccessDenied',
  EPERM: 'AccessDenied',
  EROFS: 'AccessDenied',
  // Somebody has to make room.
  ENOSPC: 'Permanent',
  EDQUOT: 'Permanent',
  EFBIG: 'Permanent',
  // Disks recover, and network file systems come back. A put that is repeated begins with a new file.
  EIO: 'Transient',
  ESTALE: 'Transient',
  ENOTCONN: 'Transient',
  ETIMEDOUT: 'Transient',
  ECONNRESET: 'Transient',
  EHOSTDOWN: 'Transient',
  EHOSTUNREACH: 'Transient',
  ENETDOWN: 'Transient',
  ENETUNREACH: 'Transient',
  EREMOTEIO: 'Transient',
  // Short of something that others give back.
  EAGAIN: 'Transient',
  EBUSY: 'Transient',
  EINTR: 'Transient',
  EMFILE: 'Transient',
  ENFILE: 'Transient',
  ENOMEM: 'Transient',
}

/** Any error as the contract wants it; storage errors stay as they are. */
export function localStorageError(error: unknown): StorageError {
  if (isStorageError(error)) return error
  const code = isSystemError(error) ? LOCAL_ERROR_CODES[systemErrorName(error)] : undefined
  const path = isSystemError(error) && error.path !== undefined ? ` ("${error.path}")` : ''
  return new StorageError(code ?? 'Permanent', `${systemErrorText(error)}${path}`, { cause: error })
}
