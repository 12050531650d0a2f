import { getSystemErrorMessage } from 'node:util'

/** What the system said, as PostgreSQL prints it (`Connection refused`), or the message of the error. */
export function networkErrorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = 'errno' in error && typeof error.errno === 'number' ? systemText(error.errno) : undefined
  return text === undefined ? error.message : text.charAt(0).toUpperCase() + text.slice(1)
}

/** The system's code of an error, such as `ECONNREFUSED`; undefined when there is none. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function systemText(errno: number): string | undefined {
  const text = getSystemErrorMessage(errno)
  return text.startsWith('Unknown system error') ? undefined : text
}
