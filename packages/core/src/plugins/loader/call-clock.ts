/** Time and chance for calls of plugins; tests give their own. */
export interface CallClock {
  /** Milliseconds that only grow. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  /** Calls `action` after `delayMs`, unless the function that it returns is called before. */
  readonly setTimer: (action: () => void, delayMs: number) => () => void
}

export const systemCallClock: CallClock = {
  now: () => performance.now(),
  random: () => Math.random(),
  setTimer: (action, delayMs) => {
    const timer = setTimeout(action, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
}

/** Resolves after `delayMs`; rejects with the signal's reason as soon as that is aborted. */
export function sleep(clock: CallClock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error)
      return
    }
    const stop = (): void => {
      cancel()
      reject(signal.reason as Error)
    }
    const cancel = clock.setTimer(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, delayMs)
    signal.addEventListener('abort', stop, { once: true })
  })
}
