/** Numbers that are the same for the same seed, so that a failure can be repeated. */
export class SeededRandom {
  readonly seed: number
  #state: number

  /** @param seed 32 bits; by chance when absent, unless `WALR_TEST_SEED` says otherwise. */
  constructor(seed = Number(process.env['WALR_TEST_SEED'] ?? Math.floor(Math.random() * 0x1_0000_0000))) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** From 0 (included) to 1 (excluded): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }
}
