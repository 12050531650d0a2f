import { constants } from 'node:os'
import { getSystemErrorMessage, getSystemErrorName } from 'node:util'

/** An error of the operating system as Node reports it. */
export interface SystemError extends Error {
  /** `ENOENT`, `EIO`, ... as Node has it; {@link systemErrorName} is the system's name. */
  readonly code: string
  /** Negative, as libuv has it. */
  readonly errno: number
  readonly syscall: string
  readonly path?: string
}

/** Names of the error numbers of this system. */
export type SystemErrorCode = keyof typeof constants.errno

/** True for an error of the operating system; when names are given, for one that has one of them. */
export function isSystemError(error: unknown, ...names: readonly SystemErrorCode[]): error is SystemError {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return false
  if (typeof error.code !== 'string') return false
  const name = systemErrorName(error as SystemError)
  return names.length === 0 || names.some((wanted) => wanted === name)
}

const namesByNumber: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [-number, name]),
)

/**
 * What the system calls this error. libuv has no name for some numbers, EDQUOT and ESTALE among them: Node's `code` is
 * `UNKNOWN` then, or `Unknown system error -122`.
 */
export function systemErrorName({ code, errno }: SystemError): string {
  return Object.hasOwn(constants.errno, code) ? code : (namesByNumber.get(errno) ?? code)
}

/** An error in the shape of Node's own, for conditions that the system reports without one. */
export function systemError(name: SystemErrorCode, syscall: string, path: string): SystemError {
  const errno = -constants.errno[name]
  const code = getSystemErrorName(errno)
  const message = `${code}: ${textOf(name, errno)}, ${syscall} '${path}'`
  return Object.assign(new Error(message), { code, errno, syscall, path })
}

/**
 * What PostgreSQL's `%m` prints for this error, in the C locale: `No such file or directory`. Anything that is not an
 * error of the operating system gives its own message.
 */
export function systemErrorText(error: unknown): string {
  if (isSystemError(error)) return textOf(systemErrorName(error), error.errno)
  return error instanceof Error ? error.message : String(error)
}

function textOf(name: string, errno: number): string {
  return texts[name] ?? capitalised(getSystemErrorMessage(errno))
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The C library's wording where libuv has another one, or none. */
const texts: Readonly<Record<string, string>> = {
  EACCES: 'Permission denied',
  EBADF: 'Bad file descriptor',
  EBADMSG: 'Bad message',
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
  ENOLCK: 'No locks available',
  ENOMEM: 'Cannot allocate memory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  EPERM: 'Operation not permitted',
  EROFS: 'Read-only file system',
  ESTALE: 'Stale file handle',
  EXDEV: 'Invalid cross-device link',
}
