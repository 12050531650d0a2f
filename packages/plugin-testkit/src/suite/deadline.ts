import { setTimeout as delay } from 'node:timers/promises'

/** Settles as `work` does; rejects when that has not happened after `timeoutMs`. `what` continues "no end of ...". */
export async function within<T>(timeoutMs: number, what: string, work: PromiseLike<T>): Promise<T> {
  const timer = new AbortController()
  const timeout = delay(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no end of ${what} after ${timeoutMs} ms`)
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    timer.abort()
    timeout.catch(ignore)
  }
}

/** Resolves once `check` gives undefined; rejects with the complaint that it gives instead after `timeoutMs`. */
export async function eventually(timeoutMs: number, check: () => string | undefined): Promise<void> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const complaint = check()
    if (complaint === undefined) return
    if (performance.now() > end) throw new Error(`${complaint}, ${timeoutMs} ms later still`)
    await delay(10)
  }
}

function ignore(): void {
  // The race is over; what loses it has nothing to say any more.
}
