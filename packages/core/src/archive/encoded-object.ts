import type { ByteSource } from '../plugins/contract/index.ts'

const FIRST_BYTES = 4_194_304 // 4 MiB
const CHUNK_BYTES = 1_048_576 // 1 MiB

/**
 * Memory for one encoded object, used again for the next one. It makes an upload that is tried again send the same bytes,
 * tells its length beforehand, and spares the garbage collector some megabytes a segment.
 */
export class ObjectBuffer {
  #memory: Buffer = Buffer.alloc(0)
  #length = 0

  /** Starts anew. What {@link source} gave before is no longer valid. */
  clear(): void {
    this.#length = 0
  }

  /** Forgets the memory, too: for when somebody who should not may still be reading it. */
  drop(): void {
    this.#memory = Buffer.alloc(0)
    this.#length = 0
  }

  /** Copies `bytes` behind what is there. */
  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(length))))
      larger.set(this.#memory.subarray(0, this.#length))
      this.#memory = larger
    }
    this.#memory.set(bytes, this.#length)
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  *chunks(): Generator<Uint8Array, void, undefined> {
    const bytes = this.#memory.subarray(0, this.#length)
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
  }

  /** The bytes as a source; valid until {@link clear} or {@link add}. */
  source(): ByteSource {
    return {
      size: this.#length,
      open: () => asAsync(this.chunks()),
    }
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous
async function* asAsync(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks
}
