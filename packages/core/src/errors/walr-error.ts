import type { ErrorCode } from './error-codes.ts'

/** What an error carries beside its message. */
export interface WalrErrorOptions {
  /** What to do about it, in one sentence, as PostgreSQL's HINT. */
  readonly hint?: string | undefined
  /** More of what happened, as PostgreSQL's DETAIL. */
  readonly detail?: string | undefined
  /** The five characters of the server's SQLSTATE, where the error is the server's. */
  readonly sqlState?: string | undefined
  readonly cause?: unknown
}

/**
 * The one error class of walr. The message says what happened and the value received; `code` is what programs branch on
 * (never the text).
 */
export class WalrError extends Error {
  override readonly name = 'WalrError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly detail: string | undefined
  readonly sqlState: string | undefined

  constructor(code: ErrorCode, message: string, options: WalrErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.hint = options.hint
    this.detail = options.detail
    this.sqlState = options.sqlState
  }
}

/** True for a {@link WalrError} that carries one of `codes`, or any code when none is given. */
export function isWalrError(error: unknown, ...codes: readonly ErrorCode[]): error is WalrError {
  return error instanceof WalrError && (codes.length === 0 || codes.includes(error.code))
}
