/**
 * Chooses between doing an operation on the calling thread and handing it to libuv's pool. On the thread is quickest while
 * it is short (no hop to another thread and back), but keepalives wait behind it once it is not. So: on the thread, until
 * one operation took longer than `slowMs`; back to it after a run of short ones.
 */
export class IoPace {
  #inline = true
  #shortInARow = 0
  readonly #slowMs: number
  readonly #fastMs: number
  readonly #runLength: number

  constructor(limits: { readonly slowMs: number; readonly fastMs: number; readonly runLength: number }) {
    this.#slowMs = limits.slowMs
    this.#fastMs = limits.fastMs
    this.#runLength = limits.runLength
  }

  /** Whether the next operation should run on the calling thread. */
  get inline(): boolean {
    return this.#inline
  }

  /** Reports how long an operation took, on either way. The wall clock will do: a jump of it changes the way for a while. */
  record(durationMs: number): void {
    if (durationMs > this.#slowMs) {
      this.#inline = false
      this.#shortInARow = 0
    } else if (!this.#inline) {
      this.#shortInARow = durationMs < this.#fastMs ? this.#shortInARow + 1 : 0
      if (this.#shortInARow >= this.#runLength) this.#inline = true
    }
  }
}
