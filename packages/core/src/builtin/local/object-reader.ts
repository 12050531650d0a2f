import type { DiskFile } from '../../disk/disk.ts'
import { StorageError } from '../../plugins/contract/index.ts'
import { localStorageError } from './local-error-map.ts'

const CHUNK_BYTES = 262_144

/**
 * Reads a range of an open file, once, and closes the file at the end, at an error, and when it is left early. Each chunk
 * is in the same memory as the one before.
 */
export class ObjectReader implements AsyncIterableIterator<Uint8Array> {
  readonly #file: DiskFile
  readonly #signal: AbortSignal
  readonly #end: number
  readonly #buffer: Buffer
  #position: number
  #open = true

  constructor(file: DiskFile, range: { readonly start: number; readonly end: number; readonly signal: AbortSignal }) {
    this.#file = file
    this.#signal = range.signal
    this.#position = range.start
    this.#end = Math.max(range.start, range.end)
    this.#buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#end - this.#position))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#open) return { done: true, value: undefined }
    try {
      this.#signal.throwIfAborted()
      const chunk = await this.#readChunk()
      this.#signal.throwIfAborted()
      if (chunk !== undefined) return { done: false, value: chunk }
    } catch (error) {
      await this.#close().catch(() => undefined)
      if (this.#signal.aborted) throw this.#signal.reason
      throw localStorageError(error)
    }
    await this.#close()
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#close()
    return { done: true, value: undefined }
  }

  async #readChunk(): Promise<Uint8Array | undefined> {
    const length = Math.min(this.#buffer.length, this.#end - this.#position)
    if (length === 0) return undefined
    const chunk = this.#buffer.subarray(0, length)
    const read = await this.#file.read(chunk, this.#position)
    if (read < length) {
      const at = this.#position + read
      throw new StorageError('Transient', `the file ended at byte ${at}; it had ${this.#end} when it was opened`)
    }
    this.#position += length
    return chunk
  }

  async #close(): Promise<void> {
    this.#open = false
    await this.#file.close()
  }
}
