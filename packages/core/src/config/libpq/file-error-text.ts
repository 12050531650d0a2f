import { getSystemErrorMessage } from 'node:util'

/** Whether a file could not be opened because there is none. */
export function isAbsentFile(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

/** What PostgreSQL's `%m` prints: `Permission denied`, without Node's code, call and path. */
export function fileErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!('errno' in error) || typeof error.errno !== 'number') return error.message
  // libuv has other words for this one
  if ('code' in error && error.code === 'EISDIR') return 'Is a directory'
  const text = getSystemErrorMessage(error.errno)
  return text.charAt(0).toUpperCase() + text.slice(1)
}
