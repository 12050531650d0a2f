import { isStorageError } from '../contract/index.ts'
import { sleep } from './call-clock.ts'
import type { CallOptions } from './call-options.ts'

const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 5_000

/** How much patience is left with one operation. */
export class RetryBudget {
  readonly #options: CallOptions
  readonly #startedAt: number
  #failures = 0

  constructor(options: CallOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
  }

  /**
   * Milliseconds to wait before the next attempt: up to twice as long each time, by chance, so that many clients do not
   * return together, and not before the service wants it. Undefined when `error` is to be reported.
   */
  delayAfter(error: unknown): number | undefined {
    this.#failures += 1
    if (!isStorageError(error, 'Transient') || this.#failures >= this.#options.attempts) return undefined
    const limit = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (this.#failures - 1))
    const delayMs = Math.max(this.#options.clock.random() * limit, error.retryAfterMs ?? 0)
    const elapsedMs = this.#options.clock.now() - this.#startedAt
    return elapsedMs + delayMs > this.#options.budgetMs ? undefined : delayMs
  }
}

/** Repeats `attempt` while it fails with `Transient` and there is patience left; otherwise its error passes. */
export async function withRetries<T>(attempt: () => Promise<T>, options: CallOptions, signal: AbortSignal): Promise<T> {
  const budget = new RetryBudget(options)
  for (;;) {
    signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      const delayMs = signal.aborted ? undefined : budget.delayAfter(error)
      if (delayMs === undefined) throw error
      await sleep(options.clock, delayMs, signal)
    }
  }
}
