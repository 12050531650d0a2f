import { alignedMemory } from '../disk/aligned-memory.ts'

/** What is written at once past the page cache; larger is no faster. A segment is never smaller. */
export const CHUNK_SIZE = 1_048_576 // 1 MiB
/** One being filled, and two under way to the disk. */
const CHUNKS = 3

/** Memory of pools that are no longer used: it is given back to the system late, if at all. */
const idleMemory: Buffer[] = []

/** The memory that the segments of one stream are gathered in before they are written in large pieces. */
export class ChunkPool {
  readonly #memory: Buffer
  readonly #free: Buffer[]
  #returned: PromiseWithResolvers<void> | undefined

  private constructor(memory: Buffer) {
    this.#memory = memory
    this.#free = Array.from({ length: CHUNKS }, (_, index) =>
      memory.subarray(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE),
    )
  }

  /** Undefined where no aligned memory is to be had. */
  static create(): ChunkPool | undefined {
    const memory = idleMemory.pop() ?? alignedMemory(CHUNKS * CHUNK_SIZE)
    return memory && new ChunkPool(memory)
  }

  /** A chunk for the caller alone, until it is given back; undefined when there is none at the moment. */
  take(): Buffer | undefined {
    return this.#free.pop()
  }

  giveBack(chunk: Buffer): void {
    this.#free.push(chunk)
    this.#returned?.resolve()
    this.#returned = undefined
  }

  /** The pool is of no use any more. Its memory is for the next one, unless somebody still has a chunk. */
  release(): void {
    if (this.#free.length === CHUNKS) idleMemory.push(this.#memory)
    this.#free.length = 0
  }

  /** Resolves when a chunk is given back. */
  returned(): Promise<void> {
    this.#returned ??= Promise.withResolvers()
    return this.#returned.promise
  }
}
