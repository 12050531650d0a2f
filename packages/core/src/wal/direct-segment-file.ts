import { join } from 'node:path'
import { DIRECT_ALIGNMENT } from '../disk/aligned-memory.ts'
import type { Disk, DiskFile } from '../disk/disk.ts'
import { isSystemError } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { CHUNK_SIZE, type ChunkPool } from './chunk-pool.ts'
import { DiskRoom } from './disk-room.ts'
import type { IoPace } from './io-pace.ts'
import type { SegmentFile } from './segment-file.ts'
import { fsyncFailed, publishSegment, writeFailed } from './segment-publishing.ts'

export interface DirectSegmentFileOptions {
  readonly disk: Disk
  readonly directory: string
  readonly walFileName: string
  /** Reads as zeros all over: what is incomplete is written with zeros behind it. */
  readonly file: DiskFile
  /** The same file, for writes past the page cache. */
  readonly direct: DiskFile
  /** Whether a write through `direct` is durable when it returns. */
  readonly selfSyncing: boolean
  /** Settles when the file durably has its `.partial` name. Its rejection comes out of `flush`, `finish` and `close`. */
  readonly named: Promise<void>
  readonly room: DiskRoom
  readonly pace: IoPace
  readonly chunks: ChunkPool
  /** Told when the file system takes no direct writes after all. */
  readonly onRefused: () => void
}

/**
 * An uncompressed segment that goes to the disk past the page cache: gathered in memory, and written at each flush, or when
 * a chunk is full. Through the page cache each byte would cost another copy and a fresh page of memory, which while catching
 * up is more time than all the rest, and each flush a walk through the pages that it has to find dirty.
 */
export class DirectSegmentFile implements SegmentFile {
  readonly partialName: string
  readonly holdsBack = true
  readonly #options: DirectSegmentFileOptions
  #target: DiskFile
  #selfSyncing: boolean
  #named = false
  /** The chunk being filled, where it belongs in the segment, how far it is filled, and how far it was written. */
  #chunk: Buffer | undefined
  #chunkPosition = 0
  #filled = 0
  #written = 0
  /** While its beginning is on its way to the disk a chunk must not change. */
  #draining: Promise<void> | undefined
  #writing: readonly Promise<void>[] = []
  #failure: Error | undefined

  constructor(options: DirectSegmentFileOptions) {
    this.#options = options
    this.#target = options.direct
    this.#selfSyncing = options.selfSyncing
    this.partialName = `${options.walFileName}.partial`
    // Whoever needs the name awaits it and gets the rejection; this only keeps it from counting as unhandled before.
    options.named.then(
      () => (this.#named = true),
      () => undefined,
    )
  }

  write(bytes: Buffer, offset: number, length: number): void | Promise<void> {
    let taken = 0
    while (taken < length) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#draining) return this.#writeAfter(this.#draining, bytes, offset + taken, length - taken)
      this.#chunk ??= this.#takeChunk()
      if (!this.#chunk) return this.#writeAfter(this.#options.chunks.returned(), bytes, offset + taken, length - taken)
      const size = Math.min(length - taken, CHUNK_SIZE - this.#filled)
      bytes.copy(this.#chunk, this.#filled, offset + taken, offset + taken + size)
      this.#filled += size
      taken += size
      if (this.#filled === CHUNK_SIZE) this.#sendChunk(this.#chunk)
    }
  }

  flush(background: boolean): void | Promise<void> {
    const { pace } = this.#options
    const chunk = this.#chunk
    const busy = this.#draining !== undefined || this.#writing.length > 0 || this.#failure !== undefined
    if (background || busy || !chunk || !this.#named || !pace.inline) return this.#flushAside()
    const startedMs = Date.now()
    const from = this.#dirtyFrom()
    const length = this.#dirtyLength(chunk)
    try {
      if (length > 0) this.#target.writeSync(chunk, from, length, this.#chunkPosition + from)
    } catch (error) {
      // Written again beside the stream, where there is time to wait for room.
      if (DiskRoom.isFull(error) || isSystemError(error, 'EINVAL')) return this.#flushAside()
      throw this.#fail(this.#writeFailed(length, error))
    }
    try {
      if (!this.#selfSyncing) this.#options.file.dataSyncSync()
    } catch (error) {
      throw this.#fail(this.#syncFailed(error))
    }
    this.#written = this.#filled
    pace.record(Date.now() - startedMs)
  }

  async finish(): Promise<void> {
    await this.close()
    const { disk, directory, walFileName, room } = this.#options
    await room.repeat(() => publishSegment(disk, directory, { from: this.partialName, to: walFileName }, true))
  }

  async close(): Promise<void> {
    await this.#flushAside()
    this.#giveChunkBack()
    await this.#options.direct.close()
    await this.#options.file.close()
  }

  async abandon(): Promise<void> {
    await Promise.allSettled([this.#options.named, this.#draining])
    // What was taken is good, whatever made the stream end, and may be all that is left of it.
    await Promise.allSettled([this.#drain()])
    // A write that still waits for memory must not take any.
    this.#fail(new WalrError('WALR_INTERNAL', `"${this.partialName}" was given up`))
    this.#giveChunkBack()
    await Promise.allSettled([this.#options.direct.close(), this.#options.file.close()])
  }

  async #flushAside(): Promise<void> {
    const startedMs = Date.now()
    while (this.#draining) await this.#draining
    const draining = this.#drain().finally(() => (this.#draining = undefined))
    this.#draining = draining.catch(() => undefined)
    await draining
    if (!this.#selfSyncing) {
      try {
        await this.#options.file.dataSync()
      } catch (error) {
        throw this.#fail(this.#syncFailed(error))
      }
    }
    this.#options.pace.record(Date.now() - startedMs)
    await this.#options.named
  }

  async #writeAfter(turn: Promise<void>, bytes: Buffer, offset: number, length: number): Promise<void> {
    await turn
    await this.write(bytes, offset, length)
  }

  /** A full chunk goes on its way; the stream does not wait for it. */
  #sendChunk(chunk: Buffer): void {
    const from = this.#dirtyFrom()
    const written = this.#put(chunk, from, CHUNK_SIZE - from, this.#chunkPosition)
      .catch((error: unknown) => {
        this.#fail(error)
      })
      .finally(() => {
        this.#options.chunks.giveBack(chunk)
        this.#writing = this.#writing.filter((other) => other !== written)
      })
    this.#writing = [...this.#writing, written]
    this.#chunk = undefined
    this.#chunkPosition += CHUNK_SIZE
    this.#filled = 0
    this.#written = 0
  }

  /** Everything taken so far goes to the disk. */
  async #drain(): Promise<void> {
    await Promise.all(this.#writing)
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#chunk || this.#filled === this.#written) return
    const filled = this.#filled
    try {
      await this.#put(this.#chunk, this.#dirtyFrom(), this.#dirtyLength(this.#chunk), this.#chunkPosition)
      this.#written = filled
    } catch (error) {
      throw this.#fail(error)
    }
  }

  /** Of a segment that is flushed often the chunk is zero before it is filled, so that no flush has to see to that. */
  #takeChunk(): Buffer | undefined {
    const chunk = this.#options.chunks.take()
    if (this.#selfSyncing) chunk?.fill(0)
    return chunk
  }

  #dirtyFrom(): number {
    return this.#written - (this.#written % DIRECT_ALIGNMENT)
  }

  /** As much as alignment asks for, with zeros behind what there is. */
  #dirtyLength(chunk: Buffer): number {
    if (this.#filled === this.#written) return 0
    const end = Math.ceil(this.#filled / DIRECT_ALIGNMENT) * DIRECT_ALIGNMENT
    if (!this.#selfSyncing) chunk.fill(0, this.#filled, end)
    return end - this.#dirtyFrom()
  }

  async #put(chunk: Buffer, from: number, length: number, chunkPosition: number): Promise<void> {
    const target = this.#target
    try {
      await this.#options.room.repeat(() => target.write(chunk, from, length, chunkPosition + from))
    } catch (error) {
      if (target !== this.#options.direct || !isSystemError(error, 'EINVAL')) throw this.#writeFailed(length, error)
      this.#target = this.#options.file
      this.#selfSyncing = false
      this.#options.onRefused()
      await this.#put(chunk, from, length, chunkPosition)
    }
  }

  #giveChunkBack(): void {
    if (this.#chunk) this.#options.chunks.giveBack(this.#chunk)
    this.#chunk = undefined
  }

  #fail(error: unknown): Error {
    this.#failure ??= error instanceof Error ? error : new WalrError('WALR_INTERNAL', String(error))
    return this.#failure
  }

  #syncFailed(cause: unknown): WalrError {
    return fsyncFailed(join(this.#options.directory, this.partialName), cause)
  }

  #writeFailed(length: number, cause: unknown): unknown {
    const failed = writeFailed(this.partialName, length, cause)
    // A write that is durable when it returns fails as an fsync fails; a wish to stop is neither.
    return this.#selfSyncing && failed !== cause ? this.#syncFailed(cause) : failed
  }
}
