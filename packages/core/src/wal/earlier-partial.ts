import type { Disk } from '../disk/disk.ts'
import type { CompressionSuffix } from './compression/compression-suffix.ts'
import { decodeSegment } from './compression/segment-decoder.ts'
import { readWholeFile } from './read-whole-file.ts'

/**
 * The compressed `.partial` that an earlier run left, beside the file that is to replace it. What decodes is not always
 * WAL: pg_receivewal writes over such a file without cutting it, and the rest of the older contents may decode as well. So
 * it is compared with the stream, and counts only as far as it is the same.
 */
export class EarlierPartial {
  readonly #chunks: AsyncGenerator<Uint8Array, void, undefined>
  #chunk: Uint8Array = new Uint8Array(0)
  #length: number
  #compared = 0

  /** Use {@link openEarlierPartial}. */
  constructor(chunks: AsyncGenerator<Uint8Array, void, undefined>, length: number) {
    this.#chunks = chunks
    this.#length = length
  }

  /** Bytes of WAL that it holds, as far as is known: what {@link compare} has not reached yet is believed. */
  get length(): number {
    return this.#length
  }

  /** To be called with the stream's bytes from the segment's beginning on, in order. */
  async compare(bytes: Uint8Array, offset: number, length: number): Promise<void> {
    let at = offset
    while (at < offset + length && this.#compared < this.#length) {
      if (this.#chunk.length === 0) {
        const next = await this.#chunks.next()
        if (next.done) return this.#end()
        this.#chunk = next.value
        continue
      }
      const taken = Math.min(this.#chunk.length, offset + length - at)
      if (Buffer.compare(bytes.subarray(at, at + taken), this.#chunk.subarray(0, taken)) !== 0) return this.#end()
      this.#chunk = this.#chunk.subarray(taken)
      this.#compared += taken
      at += taken
    }
  }

  /** Closes the file. Idempotent. */
  async close(): Promise<void> {
    await this.#chunks.return()
  }

  /** The new file holds more than what was the same, because it has the bytes that were compared last. */
  async #end(): Promise<void> {
    this.#length = this.#compared
    await this.close()
  }
}

/** Opens the `.partial` at `path`, which must exist, and reads it once to learn its length. */
export async function openEarlierPartial(disk: Disk, path: string, suffix: CompressionSuffix): Promise<EarlierPartial> {
  const decode = (): AsyncGenerator<Uint8Array, void, undefined> =>
    decodeSegment(suffix, readWholeFile(disk, path), { tolerateCut: true })
  let length = 0
  for await (const chunk of decode()) length += chunk.length
  return new EarlierPartial(decode(), length)
}
