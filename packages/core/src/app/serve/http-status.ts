import type { ErrorCode } from '../../errors/error-codes.ts'

/** What the HTTP side of a `walr receive` is doing. */
export interface HttpStatus {
  /**
   * `starting`: it does not listen yet. `waiting`: it listens, and answers 503 until it is known whose WAL the directory
   * holds. `serving`. `failed`: it is tried again.
   */
  readonly state: 'starting' | 'waiting' | 'serving' | 'failed' | 'stopped'
  /** As clients write it; undefined when it does not listen. */
  readonly address: string | undefined
  /** The last fault that kept it from serving. */
  readonly lastError: { readonly code: ErrorCode; readonly message: string; readonly at: string } | undefined
}

export const INITIAL_HTTP_STATUS: HttpStatus = { state: 'starting', address: undefined, lastError: undefined }
