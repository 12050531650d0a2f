import { setTimeout as delay } from 'node:timers/promises'

/** Waits between attempts: doubling, bounded, with jitter so that many receivers do not come back at the same instant. */
export class Backoff {
  readonly #firstMs: number
  readonly #maxMs: number
  #attempt = 0

  constructor(limits: { readonly firstMs: number; readonly maxMs: number }) {
    this.#firstMs = limits.firstMs
    this.#maxMs = limits.maxMs
  }

  /** After success: the next wait is the first one again. */
  reset(): void {
    this.#attempt = 0
  }

  /** Time to wait before the next attempt: between half and all of the current step. */
  nextMs(random: () => number = Math.random): number {
    const step = Math.min(this.#maxMs, this.#firstMs * 2 ** this.#attempt)
    if (step < this.#maxMs) this.#attempt += 1
    return Math.round(step * (0.5 + random() / 2))
  }

  /** Waits; rejects with the signal's reason when it is aborted. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    await delay(ms, undefined, { signal })
  }
}
