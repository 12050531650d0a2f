import { join } from 'node:path'
import type { Disk, DiskFile } from '../disk/disk.ts'
import { fsyncFailed } from './segment-publishing.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

const ZERO_CHUNK = 1_048_576 // 1 MiB
/** A larger segment is not filled while the stream waits for it. */
const ZEROED_AT_ONCE = 67_108_864 // 64 MiB

/** A file of a segment's size that reads as zeros, synced, under a name that no tool takes for WAL. */
export interface SpareSegment {
  readonly file: DiskFile
  /** The same file for writes past the page cache; only of a sparse one, and where the file system has it. */
  readonly direct: DiskFile | undefined
  readonly path: string
  /** Its blocks are allocated and written, so that a later fdatasync changes no metadata. */
  readonly zeroed: boolean
}

export interface SpareSegmentsOptions {
  readonly disk: Disk
  /** `<receive directory>/.walr`, on the same file system, so that a spare becomes a segment by rename. */
  readonly directory: string
  readonly walSegmentSize: WalSegmentSize
  readonly fileMode: number
  readonly sync: boolean
  /** Whether the file may be written past the page cache. */
  readonly direct: boolean
}

/**
 * Prepares the file for the next segment beside the stream, one at a time. While catching up it is sparse: filling it is
 * all that happens to it. While streaming live it is filled with zeros, so that the fdatasync of each commit has only data
 * to write.
 */
export class SpareSegments {
  readonly #options: SpareSegmentsOptions
  #ready: Promise<SpareSegment | undefined> | undefined
  #count = 0
  #closed = false

  constructor(options: SpareSegmentsOptions) {
    this.#options = options
  }

  /** Removes what an earlier run left behind: its contents are unknown. */
  async removeLeftovers(): Promise<void> {
    const { disk, directory } = this.#options
    for (const { name } of await disk.list(directory)) {
      if (name.startsWith('spare-')) await disk.remove(join(directory, name))
    }
  }

  /** Starts to prepare a spare unless one is there or under way. A failure (a full disk) only means that there is none. */
  prepare(zeroed: boolean): void {
    if (this.#ready || this.#closed) return
    this.#ready = this.#make(zeroed).catch(() => undefined)
  }

  /** The prepared spare, or a new one. A sparse one is not used where a zeroed one is wanted. */
  async take(zeroed: boolean): Promise<SpareSegment> {
    const spare = await this.#ready
    this.#ready = undefined
    if (spare && (spare.zeroed || !zeroed)) return spare
    if (spare) await this.#discard(spare)
    return this.#make(zeroed && this.#options.walSegmentSize <= ZEROED_AT_ONCE)
  }

  /** Removes an unused spare. Never rejects: what cannot be removed now is at the next start. */
  async close(): Promise<void> {
    this.#closed = true
    const spare = await this.#ready
    this.#ready = undefined
    if (spare) await Promise.allSettled([this.#discard(spare)])
  }

  async #discard(spare: SpareSegment): Promise<void> {
    await spare.direct?.close()
    await spare.file.close()
    await this.#options.disk.remove(spare.path)
  }

  async #make(zeroed: boolean): Promise<SpareSegment> {
    const { disk, directory, walSegmentSize, fileMode, sync, direct } = this.#options
    this.#count += 1
    const path = join(directory, `spare-${process.pid}-${this.#count}`)
    const file = await disk.open(path, 'createNew', fileMode)
    try {
      await file.truncate(walSegmentSize)
      if (zeroed) await this.#fill(file, sync)
      else if (sync) await synced(file, file.sync())
      return { file, direct: direct ? await disk.openDirect(path, zeroed) : undefined, path, zeroed }
    } catch (error) {
      await file.close()
      await disk.remove(path)
      throw error
    }
  }

  /** In chunks that are synced one by one: a single large fsync would hold up the commits beside it. */
  async #fill(file: DiskFile, sync: boolean): Promise<void> {
    const zeros = new Uint8Array(ZERO_CHUNK)
    for (let position = 0; position < this.#options.walSegmentSize && !this.#closed; position += ZERO_CHUNK) {
      await file.write(zeros, 0, Math.min(ZERO_CHUNK, this.#options.walSegmentSize - position), position)
      if (sync) await synced(file, file.dataSync())
    }
    if (sync) await synced(file, file.sync())
  }
}

async function synced(file: DiskFile, operation: Promise<void>): Promise<void> {
  await operation.catch((error: unknown) => {
    throw fsyncFailed(file.path, error)
  })
}
