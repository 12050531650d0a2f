import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import {
  isCodecError,
  isStorageError,
  type CodecErrorCode,
  type StorageError,
  type StorageErrorCode,
} from '@walr/core/plugin'

/** The error that `work` rejects with, or throws; fails when there is none. `what` continues "success of ...". */
export async function rejectionOf(work: () => Promise<unknown>, what: string): Promise<unknown> {
  let result: unknown
  try {
    result = await work()
  } catch (error) {
    return error
  }
  assert.fail(`success of ${what}, which has to fail; it gave ${brief(result)}`)
}

/** Fails unless `work` rejects with a StorageError that carries one of `codes`, or any when none is given. */
export async function rejectsWithStorageError(
  work: () => Promise<unknown>,
  what: string,
  ...codes: readonly StorageErrorCode[]
): Promise<StorageError> {
  const error = await rejectionOf(work, what)
  assert.ok(
    isStorageError(error, ...codes),
    `${what} has to reject with a StorageError ${codes.join(' or ')}; it rejected with ${brief(error)}`,
  )
  return error
}

/** Fails unless `work` rejects with a CodecError that carries one of `codes`, or any when none is given. */
export async function rejectsWithCodecError(
  work: () => Promise<unknown>,
  what: string,
  ...codes: readonly CodecErrorCode[]
): Promise<void> {
  const error = await rejectionOf(work, what)
  assert.ok(
    isCodecError(error, ...codes),
    `${what} has to throw a CodecError ${codes.join(' or ')}; it threw ${brief(error)}`,
  )
}

/** Fails unless `work` rejects with exactly `reason`. */
export async function rejectsWithReason(work: () => Promise<unknown>, what: string, reason: unknown): Promise<void> {
  const error = await rejectionOf(work, what)
  assert.ok(error === reason, `${what} has to reject with its signal's reason; it rejected with ${brief(error)}`)
}

/** True when `error` is `wanted` or has it among its causes. */
export function isCausedBy(error: unknown, wanted: unknown): boolean {
  for (let at: unknown = error, depth = 0; depth < 10; depth++) {
    if (at === wanted) return true
    if (!(at instanceof Error)) return false
    at = at.cause
  }
  return false
}

/** A value in one line of a message. An error with its code, which is what matters here. */
export function brief(value: unknown): string {
  if (isStorageError(value) || isCodecError(value)) return `${value.name} ${value.code} "${value.message}"`
  if (value instanceof Error) return `${value.name} "${value.message}"`
  return inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 5, maxStringLength: 100 })
}
