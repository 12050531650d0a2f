import type { Readable } from 'node:stream'
import { StorageError } from '@walr/core/plugin'
import type { ToStorageError } from './error-meaning.ts'

/** What is known of a body before it is read. */
export interface BodyExpectation {
  readonly key: string
  /** In bytes, as announced. */
  readonly size: number | undefined
  readonly signal: AbortSignal
  readonly toStorageError: ToStorageError
}

/**
 * Reads the body of an answer once. Unlike a generator it frees the connection also when it is left before the first
 * chunk. A body that ends early is `Transient`.
 */
export class BodyReader implements AsyncIterableIterator<Uint8Array> {
  readonly #body: Readable
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #expected: BodyExpectation
  #read = 0

  constructor(body: Readable, expected: BodyExpectation) {
    this.#body = body
    this.#expected = expected
    body.on('error', () => undefined) // it may fail while nobody asks for a chunk
    this.#chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { key, size, signal, toStorageError } = this.#expected
    try {
      signal.throwIfAborted()
      const result = await this.#chunks.next()
      signal.throwIfAborted()
      if (result.done !== true) {
        this.#read += result.value.length
        return { done: false, value: result.value }
      }
    } catch (error) {
      this.#body.destroy()
      if (signal.aborted) throw signal.reason
      throw toStorageError(error, `could not read "${key}" to its end, only ${this.#read} of ${size ?? '?'} bytes`)
    }
    if (size === undefined || this.#read === size) return { done: true, value: undefined }
    throw new StorageError('Transient', `"${key}" ended after ${this.#read} of ${size} bytes`)
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#body.destroy()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
