import { join } from 'node:path'
import { DIRECT_ALIGNMENT } from '../disk/aligned-memory.ts'
import type { Disk, DiskFile } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../disk/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { CHUNK_SIZE, type ChunkPool } from './chunk-pool.ts'
import type { DiskRoom } from './disk-room.ts'
import type { SegmentFile } from './segment-file.ts'
import { fsyncFailed, publishSegment } from './segment-publishing.ts'

export interface BulkSegmentFileOptions {
  readonly disk: Disk
  readonly directory: string
  readonly walFileName: string
  /** Reads as zeros all over: the tail is written with zeros behind it. */
  readonly file: DiskFile
  /** The same file, for writes past the page cache. */
  readonly direct: DiskFile
  /** Settles when the file durably has its `.partial` name. Its rejection comes out of `flush`, `finish` and `close`. */
  readonly named: Promise<void>
  readonly room: DiskRoom
  readonly chunks: ChunkPool
  /** Told when the file system takes no direct writes after all. */
  readonly onRefused: () => void
}

/**
 * An uncompressed segment of which the server has all bytes already: a backlog being fetched. It is gathered in chunks, and
 * these go to the disk past the page cache, beside the stream. Through the page cache each byte would cost a copy and a
 * fresh page of memory, which is more time than all the rest, for a file that nobody waits for.
 */
export class BulkSegmentFile implements SegmentFile {
  readonly partialName: string
  readonly holdsBack = true
  readonly #options: BulkSegmentFileOptions
  #target: DiskFile
  /** The chunk being filled, where it belongs in the segment, and how far it is filled. */
  #chunk: Buffer | undefined
  #chunkPosition = 0
  #filled = 0
  /** While the tail is on its way to the disk its chunk must not change. */
  #draining: Promise<void> | undefined
  #writing: readonly Promise<void>[] = []
  #failure: unknown

  constructor(options: BulkSegmentFileOptions) {
    this.#options = options
    this.#target = options.direct
    this.partialName = `${options.walFileName}.partial`
    // Whoever needs the name awaits it and gets the rejection; this only keeps it from counting as unhandled before.
    options.named.catch(() => undefined)
  }

  write(bytes: Buffer, offset: number, length: number): void | Promise<void> {
    let taken = 0
    while (taken < length) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#draining) return this.#writeAfter(this.#draining, bytes, offset + taken, length - taken)
      this.#chunk ??= this.#options.chunks.take()
      if (!this.#chunk) return this.#writeAfter(this.#options.chunks.returned(), bytes, offset + taken, length - taken)
      const size = Math.min(length - taken, CHUNK_SIZE - this.#filled)
      bytes.copy(this.#chunk, this.#filled, offset + taken, offset + taken + size)
      this.#filled += size
      taken += size
      if (this.#filled === CHUNK_SIZE) this.#sendChunk(this.#chunk)
    }
  }

  async flush(): Promise<void> {
    while (this.#draining) await this.#draining
    const draining = this.#drain().finally(() => (this.#draining = undefined))
    this.#draining = draining.catch(() => undefined)
    await draining
    await this.#dataSync()
    await this.#options.named
  }

  async finish(): Promise<void> {
    await this.close()
    const { disk, directory, walFileName, room } = this.#options
    await room.repeat(() => publishSegment(disk, directory, { from: this.partialName, to: walFileName }, true))
  }

  async close(): Promise<void> {
    await this.flush()
    this.#giveChunkBack()
    await this.#options.direct.close()
    await this.#options.file.close()
  }

  async abandon(): Promise<void> {
    await Promise.allSettled([this.#options.named, this.#draining, ...this.#writing])
    this.#giveChunkBack()
    await Promise.allSettled([this.#options.direct.close(), this.#options.file.close()])
  }

  async #writeAfter(turn: Promise<void>, bytes: Buffer, offset: number, length: number): Promise<void> {
    await turn
    await this.write(bytes, offset, length)
  }

  /** A full chunk goes on its way; the stream does not wait for it. */
  #sendChunk(chunk: Buffer): void {
    const position = this.#chunkPosition
    this.#chunk = undefined
    this.#chunkPosition += CHUNK_SIZE
    this.#filled = 0
    const written = this.#put(chunk, CHUNK_SIZE, position)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        this.#options.chunks.giveBack(chunk)
        this.#writing = this.#writing.filter((other) => other !== written)
      })
    this.#writing = [...this.#writing, written]
  }

  /** Everything taken so far goes to the disk; an incomplete chunk with zeros behind it, and again when it is complete. */
  async #drain(): Promise<void> {
    await Promise.all(this.#writing)
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#chunk || this.#filled === 0) return
    const length = Math.ceil(this.#filled / DIRECT_ALIGNMENT) * DIRECT_ALIGNMENT
    this.#chunk.fill(0, this.#filled, length)
    try {
      await this.#put(this.#chunk, length, this.#chunkPosition)
    } catch (error) {
      this.#failure ??= error
      throw error
    }
  }

  async #put(chunk: Buffer, length: number, position: number): Promise<void> {
    const target = this.#target
    try {
      await this.#options.room.repeat(() => target.write(chunk, 0, length, position))
    } catch (error) {
      if (target !== this.#options.direct || !isSystemError(error, 'EINVAL')) throw this.#writeFailed(length, error)
      this.#target = this.#options.file
      this.#options.onRefused()
      await this.#put(chunk, length, position)
    }
  }

  async #dataSync(): Promise<void> {
    try {
      await this.#options.file.dataSync()
    } catch (error) {
      throw fsyncFailed(join(this.#options.directory, this.partialName), error)
    }
  }

  #giveChunkBack(): void {
    if (this.#chunk) this.#options.chunks.giveBack(this.#chunk)
    this.#chunk = undefined
  }

  #writeFailed(length: number, cause: unknown): unknown {
    if (cause instanceof Error && cause.name === 'AbortError') return cause
    const reason = systemErrorText(cause)
    const text = `could not write ${length} bytes to WAL file "${this.partialName}": ${reason}`
    return new WalrError('WALR_WRITE_FAILED', text, { cause })
  }
}
