import { isStorageError, StorageError, type StorageErrorCode } from '@walr/core/plugin'

/**
 * What the service's refusals mean; the most important part of a storage plugin. `NotFound` tells PostgreSQL that it has
 * reached the end of its WAL: only the service's own "there is no such key" may become that, never a bucket that is missing
 * or a proxy's error page. What walr should try again is `Transient`; whatever is not known is `Permanent`.
 */
export function refusalError({ status, headers }: Response, what: string): StorageError {
  const word = headers.get('x-error') ?? ''
  const message = `${what}: the service answers ${status}${word === '' ? '' : ` (${word})`}`
  const retryAfterMs = Number(headers.get('retry-after') ?? NaN) * 1000
  return new StorageError(refusalCode(status, word), message, Number.isFinite(retryAfterMs) ? { retryAfterMs } : {})
}

function refusalCode(status: number, word: string): StorageErrorCode {
  if (status === 401 || status === 403) return 'AccessDenied'
  if (status === 404 && word === 'NoSuchKey') return 'NotFound'
  if (status === 412) return 'AlreadyExists'
  if (status === 408 || status === 429 || status >= 500) return 'Transient'
  return 'Permanent'
}

/** Failures of the network that pass. A certificate that is not trusted does not. */
const PASSING =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|EAI_AGAIN|E(NET|HOST)UNREACH|UND_ERR_(SOCKET|\w*TIMEOUT))$/

/** Whatever was thrown, as walr wants it. */
export function toStorageError(error: unknown, what: string): StorageError {
  // fetch hides the reason in the cause.
  const reason = error instanceof TypeError && error.cause instanceof Error ? error.cause : error
  if (isStorageError(reason)) return reason
  const name = reason instanceof Error && 'code' in reason ? String(reason.code) : ''
  const message = `${what}: ${reason instanceof Error ? reason.message || name : String(reason)}`
  return new StorageError(PASSING.test(name) ? 'Transient' : 'Permanent', message, { cause: error })
}
