import { isWalrError } from '../errors/walr-error.ts'
import { isStorageError } from '../plugins/contract/index.ts'

/**
 * What kind of failure it is, by what has to happen next: an `outage` passes by itself, `refused` needs somebody at the
 * other end, `final` is damage, a wrong key, a wrong cluster or a wrong set-up, which no waiting changes.
 */
export type RecoveryFailureKind = 'outage' | 'refused' | 'final'

/** More causes than this are a fault of their own. */
const MAX_DEPTH = 10

/** Looks at an error and what caused it. */
export function failureKind(error: unknown): RecoveryFailureKind {
  let cause = error
  for (let depth = 0; depth < MAX_DEPTH && cause instanceof Error; depth++) {
    if (isStorageError(cause)) return cause.code === 'Transient' ? 'outage' : 'refused'
    // A segment that is missing before later ones may be on its way: several are archived at the same time.
    if (isWalrError(cause, 'WALR_SERVE_UNAVAILABLE', 'WALR_WAL_GAP')) return 'outage'
    if (isWalrError(cause, 'WALR_SERVE_REFUSED', 'WALR_ARCHIVE_REFUSED')) return 'refused'
    cause = cause.cause
  }
  return 'final'
}

/** How long the other end asks to be left alone, in milliseconds; 0 when it does not. */
export function askedPauseMs(error: unknown): number {
  let cause = error
  for (let depth = 0; depth < MAX_DEPTH && cause instanceof Error; depth++) {
    if (isStorageError(cause)) return Math.max(0, cause.retryAfterMs ?? 0)
    cause = cause.cause
  }
  return 0
}
