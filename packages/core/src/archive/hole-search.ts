import { archiveFailure, type ArchiveFailure } from './archive-error.ts'
import type { Clock } from './clock.ts'
import type { Continuity } from './continuity.ts'

export interface HoleSearchOptions {
  readonly continuity: Pick<Continuity, 'wantsSearch' | 'search'>
  readonly clock: Clock
  readonly onFailure: (failure: ArchiveFailure) => void
  /** Told when a search has ended, however. */
  readonly onEnd: () => void
}

/** A search that failed is begun again after this. */
const RETRY_MS = 60_000

/** The search for missing WAL beside the archiving: one at a time, and again when the storage failed. */
export class HoleSearch {
  readonly #options: HoleSearchOptions
  #running: Promise<void> | undefined
  #notBeforeMs = -Infinity

  constructor(options: HoleSearchOptions) {
    this.#options = options
  }

  /** The search that is under way; never rejects. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Begins when there is something to search for, and it is time to. */
  begin(signal: AbortSignal): void {
    const { continuity, clock } = this.#options
    if (this.#running || signal.aborted || !continuity.wantsSearch || clock.nowMs() < this.#notBeforeMs) return
    this.#running = this.#search(signal)
  }

  async #search(signal: AbortSignal): Promise<void> {
    const { continuity, clock, onFailure, onEnd } = this.#options
    try {
      await continuity.search(signal)
    } catch (error) {
      this.#notBeforeMs = clock.nowMs() + RETRY_MS
      if (!signal.aborted) onFailure(archiveFailure('look for missing WAL', error))
    }
    this.#running = undefined
    onEnd()
  }
}
