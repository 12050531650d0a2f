import { setTimeout as delay } from 'node:timers/promises'

/** How long to wait and how often to look. */
export interface WaitOptions {
  /** Milliseconds until it is given up; 20 s when absent. */
  readonly deadlineMs?: number
  /** Milliseconds between two looks; 20 when absent. */
  readonly intervalMs?: number
}

/**
 * Asks `probe` again and again until it gives something other than `undefined` or `false`, and resolves to that. A probe
 * that throws counts as "not yet"; its last error is the cause of the rejection at the deadline.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { deadlineMs = 60_000, intervalMs = 20 }: WaitOptions = {},
): Promise<T> {
  const deadline = performance.now() + deadlineMs
  let cause: unknown
  for (;;) {
    try {
      const result = await probe()
      if (result !== undefined && result !== false) return result
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadline) throw new Error(`${what}: not within ${deadlineMs} ms`, { cause })
    await delay(intervalMs)
  }
}

/** Rejects when `promise` has not settled after `deadlineMs`. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = delay(deadlineMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what}: not within ${deadlineMs} ms`)
  })
  late.catch(() => undefined)
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}
