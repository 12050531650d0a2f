import type { CallGuard } from './call-guard.ts'
import { checkedChunk } from './storage-answers.ts'

/** Told once how a reading ended; `failure` is undefined at its end, and when it was left early. */
export type ReadingEnd = (failure: unknown, bytes: number) => void

/**
 * The chunks of an object that a plugin gives, with errors made into core's. The first chunk is fetched by {@link begin},
 * so that a failure before it can be repeated. Frees everything at the end, at an error and when it is left.
 */
export class LoadedChunks implements AsyncIterableIterator<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>
  readonly #guard: CallGuard
  readonly #translate: (error: unknown) => unknown
  readonly #onEnd: ReadingEnd
  #first: Uint8Array | undefined
  #bytes = 0
  #ended = false

  constructor(
    chunks: AsyncIterable<Uint8Array>,
    options: {
      readonly guard: CallGuard
      readonly translate: (error: unknown) => unknown
      readonly onEnd: ReadingEnd
    },
  ) {
    this.#iterator = chunks[Symbol.asyncIterator]()
    this.#guard = options.guard
    this.#translate = options.translate
    this.#onEnd = options.onEnd
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Fetches the first bytes; a failure is one of the operation that began the reading. */
  async begin(): Promise<void> {
    this.#first = await this.#pull()
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#first ?? (this.#ended ? undefined : await this.#pull())
    this.#first = undefined
    return chunk === undefined ? { done: true, value: undefined } : { done: false, value: chunk }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#first = undefined
    if (!this.#ended) {
      await this.#guard.settled(this.#leave())
      this.#end(undefined)
    }
    return { done: true, value: undefined }
  }

  async #pull(): Promise<Uint8Array | undefined> {
    try {
      for (;;) {
        const result = await this.#guard.run(() => this.#iterator.next())
        if (result.done === true) break
        const chunk = checkedChunk(result.value)
        if (chunk.length === 0) continue
        this.#bytes += chunk.length
        return chunk
      }
    } catch (error) {
      const failure = this.#translate(error)
      await this.#guard.settled(this.#leave())
      this.#end(failure)
      throw failure
    }
    this.#end(undefined)
    return undefined
  }

  async #leave(): Promise<void> {
    await this.#iterator.return?.()
  }

  #end(failure: unknown): void {
    this.#ended = true
    this.#onEnd(failure, this.#bytes)
  }
}
