import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { isCodecError, isStorageError } from '../plugins/contract/index.ts'

/**
 * What kind of failure it is, by what has to happen next: an `outage` passes by itself, `refused` needs somebody, `local`
 * is a fault of the file or the set-up on this side.
 */
export type FailureKind = 'outage' | 'refused' | 'local'

/** A failure of archiving, in walr's words. */
export interface ArchiveFailure {
  readonly kind: FailureKind
  readonly error: WalrError
  /** How long the storage asks to be left alone. */
  readonly retryAfterMs: number | undefined
}

const REMOTE_REFUSALS = ['WALR_ARCHIVE_UNCONFIRMED', 'WALR_ARCHIVE_WRONG_CLUSTER'] as const

/** Translates whatever came out of an attempt; `task` is what was attempted: `archive "..."`. */
export function archiveFailure(task: string, cause: unknown): ArchiveFailure {
  if (isStorageError(cause)) {
    const outage = cause.code === 'Transient'
    const code = outage ? 'WALR_ARCHIVE_UNAVAILABLE' : 'WALR_ARCHIVE_REFUSED'
    return {
      kind: outage ? 'outage' : 'refused',
      error: new WalrError(code, `could not ${task}: ${cause.message}`, { cause }),
      retryAfterMs: cause.retryAfterMs,
    }
  }
  return { ...localFailure(task, cause), retryAfterMs: undefined }
}

function localFailure(task: string, cause: unknown): Pick<ArchiveFailure, 'kind' | 'error'> {
  if (isWalrError(cause, ...REMOTE_REFUSALS)) return { kind: 'refused', error: cause }
  if (isWalrError(cause)) {
    const text = `could not ${task}: ${cause.message}`
    return { kind: 'local', error: new WalrError(cause.code, text, { hint: cause.hint, detail: cause.detail, cause }) }
  }
  if (isCodecError(cause)) {
    const code = cause.code === 'WrongKey' ? 'WALR_KEY' : 'WALR_OBJECT_CORRUPT'
    return { kind: 'local', error: new WalrError(code, `could not ${task}: ${cause.message}`, { cause }) }
  }
  const text = `could not ${task}: ${systemErrorText(cause)}`
  return {
    kind: 'local',
    error: new WalrError(isSystemError(cause) ? 'WALR_DIRECTORY' : 'WALR_INTERNAL', text, { cause }),
  }
}
