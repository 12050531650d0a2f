import type { ByteSource } from '../plugins/contract/index.ts'

const CHUNK_BYTES = 1_048_576 // 1 MiB

/**
 * Memory for one encoded object, used again for the next one. It makes an upload that is tried again send the same bytes,
 * tells its length beforehand, and spares the garbage collector some megabytes a segment.
 */
export class ObjectBuffer {
  readonly #capacity: number
  #memory: Buffer = Buffer.alloc(0)
  #length = 0

  /** @param capacity what most objects need at most; a page that nothing was written to takes no memory. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

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
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#capacity, length + (length >> 1)))
      larger.set(this.#memory.subarray(0, this.#length))
      this.#memory = larger
    }
    this.#memory.set(bytes, this.#length)
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  /** What is there; valid as long as {@link source} is. */
  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length)
  }

  /** The bytes as a source; valid until {@link clear} or {@link add}. */
  source(): ByteSource {
    const { bytes } = this
    return { size: bytes.length, bytes, open: () => inChunks(bytes) }
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous
async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES)
}
