/** Counts what is being answered, and knows how much that may be. */
export class DownloadSlots {
  readonly maximum: number
  #taken = 0

  constructor(maximum: number) {
    this.maximum = maximum
  }

  get taken(): number {
    return this.#taken
  }

  /** @returns what gives the slot back; undefined when all are taken. */
  take(): (() => void) | undefined {
    if (this.#taken >= this.maximum) return undefined
    this.#taken += 1
    let given = false
    return () => {
      if (!given) this.#taken -= 1
      given = true
    }
  }
}
