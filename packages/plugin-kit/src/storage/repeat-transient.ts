import { setTimeout as delay } from 'node:timers/promises'
import type { ToStorageError } from './error-meaning.ts'

const ATTEMPTS = 4
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 10_000

/**
 * Does a step of a long upload up to four times, as long as it fails with something transient: without this one lost
 * connection would cost a whole base backup. Rejects with the last error, or with the signal's reason.
 */
export async function repeatTransient<T>(
  step: () => Promise<T>,
  { signal, toStorageError }: { readonly signal: AbortSignal; readonly toStorageError: ToStorageError },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step()
    } catch (error) {
      signal.throwIfAborted()
      const { code, retryAfterMs } = toStorageError(error, '')
      if (code !== 'Transient' || attempt === ATTEMPTS) throw error
      const pauseMs = retryAfterMs ?? FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random())
      await waitFor(Math.min(pauseMs, LONGEST_PAUSE_MS), signal)
    }
  }
}

async function waitFor(pauseMs: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(pauseMs, undefined, { signal })
  } catch {
    signal.throwIfAborted()
  }
}
