import type { Storage } from '@walr/core/plugin'
import type { StorageHarness } from './storage-harness.ts'

const DEFAULT_PART_BYTES = 5 * 1_048_576

/** How a harness opens a storage beside `open`. */
export type SpecialStorage = 'openUnreachable' | 'openDenied' | 'openWithoutBase'

/** A harness at work for one case: it disposes of every storage that was opened. */
export class StorageBench implements AsyncDisposable {
  readonly harness: StorageHarness
  readonly #opened: Storage[] = []

  constructor(harness: StorageHarness) {
    this.harness = harness
  }

  /** `parts` times the size from which on the storage sends an object in parts. */
  partBytes(parts: number): number {
    return Math.floor((this.harness.partBytes ?? DEFAULT_PART_BYTES) * parts)
  }

  /** A client of the case's own place. */
  async open(): Promise<Storage> {
    return this.#keep(await this.harness.open())
  }

  /** @throws Error when the harness has no such hook. */
  async openSpecial(hook: SpecialStorage): Promise<Storage> {
    const open = this.harness[hook]?.bind(this.harness)
    if (open === undefined) {
      throw new Error(
        `the harness has no ${hook}(): add it, or declare a deviation that says why there is no such thing`,
      )
    }
    return this.#keep(await open())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const results = await Promise.allSettled(this.#opened.map((storage) => storage[Symbol.asyncDispose]()))
    await this.harness.close()
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw new Error('the storage could not be disposed of', { cause: failed.reason })
  }

  #keep(storage: Storage): Storage {
    this.#opened.push(storage)
    return storage
  }
}
