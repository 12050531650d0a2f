import { constants } from 'node:os'
import { getSystemErrorMessage } from 'node:util'

/** An error of the operating system as Node reports it. */
export interface SystemError extends Error {
  /** `ENOENT`, `EIO`, ... */
  readonly code: string
  /** Negative, as libuv has it. */
  readonly errno: number
  readonly syscall: string
  readonly path?: string
}

/** Names of the error numbers of this system. */
export type SystemErrorCode = keyof typeof constants.errno

/** True for an error of the operating system; when codes are given, for one that carries one of them. */
export function isSystemError(error: unknown, ...codes: readonly SystemErrorCode[]): error is SystemError {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return false
  const { code } = error
  return typeof code === 'string' && (codes.length === 0 || codes.some((wanted) => wanted === code))
}

/** An error in the shape of Node's own, for conditions that the system reports without one. */
export function systemError(code: SystemErrorCode, syscall: string, path: string): SystemError {
  const errno = -constants.errno[code]
  const message = `${code}: ${textOf(code, errno)}, ${syscall} '${path}'`
  return Object.assign(new Error(message), { code, errno, syscall, path })
}

/**
 * What PostgreSQL's `%m` prints for this error, in the C locale: `No such file or directory`. Anything that is not an
 * error of the operating system gives its own message.
 */
export function systemErrorText(error: unknown): string {
  if (isSystemError(error)) return textOf(error.code, error.errno)
  return error instanceof Error ? error.message : String(error)
}

function textOf(code: string, errno: number): string {
  return texts[code] ?? capitalised(getSystemErrorMessage(errno))
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The C library's wording where libuv's is another one. */
const texts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EBADF: 'Bad file descriptor',
  EBUSY: 'Device or resource busy',
  EDQUOT: 'Disk quota exceeded',
  EEXIST: 'File exists',
  EFBIG: 'File too large',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENFILE: 'Too many open files in system',
  ENOENT: 'No such file or directory',
  ENOMEM: 'Cannot allocate memory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  ESTALE: 'Stale file handle',
  EXDEV: 'Invalid cross-device link',
}
