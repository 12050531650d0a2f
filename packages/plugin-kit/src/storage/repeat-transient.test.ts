import { isStorageError, StorageError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import type { ToStorageError } from './error-meaning.ts'
import { repeatTransient } from './repeat-transient.ts'

const signal = new AbortController().signal
const toStorageError: ToStorageError = (error, failed) =>
  isStorageError(error) ? error : new StorageError('Permanent', failed, { cause: error })

/** A step that fails with these errors, one after the other, and then succeeds. */
function failing(...errors: readonly Error[]): { readonly step: () => Promise<string>; readonly count: () => number } {
  let count = 0
  return {
    step: () => {
      const error = errors[count++]
      return error === undefined ? Promise.resolve('done') : Promise.reject(error)
    },
    count: () => count,
  }
}
const busy = new StorageError('Transient', 'busy', { retryAfterMs: 1 })

describe('a step of a long upload', () => {
  it('is done again while it fails with something transient', async () => {
    const { step, count } = failing(busy, busy, busy)
    await expect(repeatTransient(step, { signal, toStorageError })).resolves.toBe('done')
    expect(count()).toBe(4)
  })

  it('is given up after four times, with the last error', async () => {
    const last = new StorageError('Transient', 'the last', { retryAfterMs: 1 })
    const { step, count } = failing(busy, busy, busy, last)
    await expect(repeatTransient(step, { signal, toStorageError })).rejects.toBe(last)
    expect(count()).toBe(4)
  })

  it('is not done again when that changes nothing', async () => {
    const { step, count } = failing(new Error('unknown'))
    await expect(repeatTransient(step, { signal, toStorageError })).rejects.toThrow('unknown')
    expect(count()).toBe(1)
  })

  it('ends its pause when the signal is aborted', async () => {
    const stop = new AbortController()
    const { step } = failing(new StorageError('Transient', 'busy', { retryAfterMs: 600_000 }))
    const done = repeatTransient(step, { signal: stop.signal, toStorageError })
    const reason = new Error('enough')
    stop.abort(reason)
    await expect(done).rejects.toBe(reason)
  })
})
