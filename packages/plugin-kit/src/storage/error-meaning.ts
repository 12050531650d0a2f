import type { StorageError, StorageErrorCode } from '@walr/core/plugin'

/** What an error of a service means, and what somebody can do about it. */
export interface ErrorMeaning {
  readonly code: StorageErrorCode
  readonly advice?: string
}

/**
 * Turns any error into one of the contract; those that are already stay as they are.
 * @param failed begins the message: `could not store "wal/x"`.
 */
export type ToStorageError = (error: unknown, failed: string) => StorageError

/** Meanings for tables of errors; what is in no table is `Permanent`, never `NotFound`. */
export const transient: ErrorMeaning = { code: 'Transient' }

/** The service does not let us in. */
export function denied(advice?: string): ErrorMeaning {
  return withAdvice('AccessDenied', advice)
}

/** Trying again changes nothing. */
export function permanent(advice?: string): ErrorMeaning {
  return withAdvice('Permanent', advice)
}

function withAdvice(code: StorageErrorCode, advice: string | undefined): ErrorMeaning {
  return advice === undefined ? { code } : { code, advice }
}

/** What a table says of a name that comes from outside. */
export function lookUp<T>(table: Readonly<Record<string | number, T>>, name: string | number): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
