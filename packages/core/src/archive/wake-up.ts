import type { Clock } from './clock.ts'

/** Lets one waiter sleep until it is woken or a time has passed. A call between two waits is not lost. */
export class WakeUp {
  #pending = false
  #wake: (() => void) | undefined

  now(): void {
    this.#pending = true
    this.#wake?.()
  }

  async wait(clock: Clock, ms: number): Promise<void> {
    if (!this.#pending) {
      const sleep = new AbortController()
      this.#wake = () => sleep.abort()
      await clock.wait(ms, sleep.signal)
      this.#wake = undefined
    }
    this.#pending = false
  }
}
