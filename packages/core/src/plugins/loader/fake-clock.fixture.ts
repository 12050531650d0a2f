import { setImmediate as turn } from 'node:timers/promises'
import type { CallClock } from './call-clock.ts'

interface FakeTimer {
  readonly atMs: number
  readonly action: () => void
}

/** A clock that a test moves by hand. */
export class FakeClock implements CallClock {
  #nowMs = 0
  readonly #timers: Set<FakeTimer> = new Set<FakeTimer>()
  /** What {@link random} gives. */
  chance = 0.5
  /** Delays of all timers that were ever set, in milliseconds. */
  readonly delaysMs: number[] = []

  readonly now = (): number => this.#nowMs
  readonly random = (): number => this.chance
  readonly setTimer = (action: () => void, delayMs: number): (() => void) => {
    const timer = { atMs: this.#nowMs + delayMs, action }
    this.delaysMs.push(delayMs)
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  get timerCount(): number {
    return this.#timers.size
  }

  /** Lets time pass; timers that are due act in order, and what they cause has happened when it resolves. */
  async advance(byMs: number): Promise<void> {
    const end = this.#nowMs + byMs
    await turn()
    for (;;) {
      const [next] = [...this.#timers].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.action()
      await turn()
    }
    this.#nowMs = end
    await turn()
  }
}
