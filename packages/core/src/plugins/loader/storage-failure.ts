import { isStorageError, StorageError, type StorageErrorCode } from '../contract/index.ts'
import { reasonOf } from './plugin-faults.ts'
import type { SecretMask } from './secret-mask.ts'

/** Which call of which plugin failed. */
export interface FailedCall {
  readonly plugin: string
  readonly operation: 'put' | 'get' | 'head' | 'list' | 'delete' | 'close'
  /** Key or prefix; undefined for several. */
  readonly key: string | undefined
  readonly mask: SecretMask
}

/** Codes that are for certain operations only. From others they would be taken for an answer to another question. */
const askedOnlyBy: Readonly<Partial<Record<StorageErrorCode, readonly FailedCall['operation'][]>>> = {
  NotFound: ['get', 'head'],
  AlreadyExists: ['put'],
}

const codes: readonly string[] = [
  'NotFound',
  'AlreadyExists',
  'AccessDenied',
  'Transient',
  'Permanent',
  'Unsupported',
] satisfies StorageErrorCode[]

/**
 * Any error of a storage as core wants it: a StorageError of this copy of the contract that says which plugin could not do
 * what, with the plugin's own error as its cause. What does not fit the contract is `Permanent`.
 */
export function storageFailure(error: unknown, call: FailedCall): StorageError {
  const { plugin, operation, key, mask } = call
  const prefix = `${plugin}: ${operation}${key === undefined ? '' : ` "${key}"`}: `
  const reason = mask(reasonOf(error))
  const message = reason.startsWith(prefix) ? reason : `${prefix}${reason}`
  if (!isStorageError(error) || !codes.includes(error.code)) {
    return new StorageError('Permanent', message, { cause: error })
  }
  if (askedOnlyBy[error.code]?.includes(operation) === false) {
    return new StorageError('Permanent', `${message} (${error.code} is no answer to ${operation})`, { cause: error })
  }
  return new StorageError(error.code, message, { cause: error, retryAfterMs: delay(error) })
}

function delay({ code, retryAfterMs }: StorageError): number | undefined {
  if (code !== 'Transient' || typeof retryAfterMs !== 'number') return undefined
  return Number.isFinite(retryAfterMs) && retryAfterMs >= 0 ? retryAfterMs : undefined
}
