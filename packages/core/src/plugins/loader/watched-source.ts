import { StorageError, type ByteSource } from '../contract/index.ts'
import type { CallGuard } from './call-guard.ts'

/** The bytes of a put as the plugin sees them: watched for progress, for failures, and for their number. */
export class WatchedSource implements ByteSource {
  readonly size: number | undefined
  readonly #source: ByteSource
  readonly #guard: CallGuard
  readonly #open: Set<AsyncIterator<Uint8Array>> = new Set<AsyncIterator<Uint8Array>>()
  #failure: { readonly error: unknown } | undefined
  #complete = false
  #taken = 0

  constructor(source: ByteSource, guard: CallGuard) {
    this.size = source.size
    this.#source = source
    this.#guard = guard
  }

  /** Whoever takes them has read all. */
  get bytes(): Uint8Array | undefined {
    const { bytes } = this.#source
    if (bytes) {
      this.#complete = true
      this.#taken = Math.max(this.#taken, bytes.length)
      this.#guard.expect(bytes.length)
    }
    return bytes
  }

  /** What the source failed with, whatever the plugin made of it; undefined when it did not fail. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  /** Whether the plugin has read it to its end, at least once. */
  get complete(): boolean {
    return this.#complete
  }

  /** How many bytes the plugin has taken, in all readings. */
  get taken(): number {
    return this.#taken
  }

  async *open(): AsyncGenerator<Uint8Array, void, undefined> {
    const iterator = this.#begin()
    this.#open.add(iterator)
    let count = 0
    try {
      for (;;) {
        const result = await this.#guard.others(iterator.next())
        if (result.done === true) break
        count += result.value.length
        this.#taken += result.value.length
        if (this.size !== undefined && count > this.size) throw this.#wrongSize(`at least ${count}`)
        yield result.value
      }
      this.#open.delete(iterator)
      if (this.size !== undefined && count !== this.size) throw this.#wrongSize(String(count))
      this.#complete = true
      this.#guard.expect(count)
    } catch (error) {
      this.#failure ??= { error }
      throw error
    } finally {
      if (this.#open.delete(iterator)) await iterator.return?.()
    }
  }

  /** Ends readings that the plugin has left open. */
  async close(): Promise<void> {
    const left = [...this.#open].map(async (iterator) => iterator.return?.())
    this.#open.clear()
    if (left.length > 0) await this.#guard.settled(Promise.allSettled(left))
  }

  #begin(): AsyncIterator<Uint8Array> {
    try {
      return this.#source.open()[Symbol.asyncIterator]()
    } catch (error) {
      this.#failure ??= { error }
      throw error
    }
  }

  #wrongSize(found: string): StorageError {
    const message = `a source of ${this.size ?? 0} bytes gave ${found}; the file has probably changed while it was read`
    return new StorageError('Permanent', message)
  }
}
