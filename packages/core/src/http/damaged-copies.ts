import type { WalCopy } from '../restore/wal-source.ts'

const REMEMBERED_MS = 60_000
const MAX_REMEMBERED = 10_000

/**
 * Copies that were found damaged while their bytes were on the way already. For a minute they are not tried again, so that a
 * client that asks once more gets another copy or is told that nobody knows.
 */
export class DamagedCopies {
  readonly #now: () => number
  /** When each was found, in the order of that. */
  readonly #found = new Map<string, number>()

  /** @param now milliseconds of a clock that only goes forward. */
  constructor(now: () => number = performance.now.bind(performance)) {
    this.#now = now
  }

  remember(copy: Pick<WalCopy, 'description'>): void {
    this.#forget()
    this.#found.delete(copy.description)
    this.#found.set(copy.description, this.#now())
  }

  has(copy: Pick<WalCopy, 'description'>): boolean {
    this.#forget()
    return this.#found.has(copy.description)
  }

  #forget(): void {
    for (const [description, at] of this.#found) {
      if (this.#now() - at < REMEMBERED_MS && this.#found.size <= MAX_REMEMBERED) return
      this.#found.delete(description)
    }
  }
}
