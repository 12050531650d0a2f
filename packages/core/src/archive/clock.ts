import { setTimeout as delay } from 'node:timers/promises'

/** The time, and waiting; tests have their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Resolves when `ms` have passed or `signal` is aborted, whichever is first. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  // The date at the start, and from there on a clock that nobody sets back.
  nowMs: () => Math.round(performance.timeOrigin + performance.now()),
  wait: (ms, signal) =>
    delay(ms, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error
    }),
}
