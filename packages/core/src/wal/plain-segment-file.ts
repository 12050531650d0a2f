import { join } from 'node:path'
import type { Disk, DiskFile } from '../disk/disk.ts'
import { DiskRoom } from './disk-room.ts'
import type { IoPace } from './io-pace.ts'
import type { SegmentFile } from './segment-file.ts'
import { fsyncFailed, publishSegment, writeFailed } from './segment-publishing.ts'

export interface PlainSegmentFileOptions {
  readonly disk: Disk
  readonly directory: string
  readonly walFileName: string
  readonly file: DiskFile
  /** Settles when the file durably has its `.partial` name. Its rejection comes out of `flush`, `finish` and `close`. */
  readonly named: Promise<void> | undefined
  /** False with `--no-sync`: nothing is made durable, and nothing may be acknowledged. */
  readonly sync: boolean
  readonly room: DiskRoom
  readonly pace: { readonly write: IoPace; readonly flush: IoPace }
}

/** An uncompressed segment: exactly what PostgreSQL has in `pg_wal`. */
export class PlainSegmentFile implements SegmentFile {
  readonly partialName: string
  readonly holdsBack = false
  readonly #options: PlainSegmentFileOptions
  readonly #file: DiskFile
  #named: Promise<void> | undefined
  /** Operations that run in libuv's pool; the file must not be closed under them. */
  readonly #running = new Set<Promise<void>>()

  constructor(options: PlainSegmentFileOptions) {
    this.#options = options
    this.#file = options.file
    this.partialName = `${options.walFileName}.partial`
    // Whoever needs the name awaits #named and gets the rejection; this only keeps it from counting as unhandled before.
    this.#named = options.named
    options.named?.then(
      () => (this.#named = undefined),
      () => undefined,
    )
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number): void | Promise<void> {
    const pace = this.#options.pace.write
    if (!pace.inline) return this.#track(this.#writeAside(bytes, offset, length, position))
    const startedMs = Date.now()
    try {
      this.#file.writeSync(bytes, offset, length, position)
    } catch (error) {
      if (!DiskRoom.isFull(error)) throw writeFailed(this.partialName, length, error)
      return this.#track(this.#writeAside(bytes, offset, length, position, error))
    }
    pace.record(Date.now() - startedMs)
  }

  flush(background: boolean): void | Promise<void> {
    if (!this.#options.sync) return
    const pace = this.#options.pace.flush
    if (background || this.#named || !pace.inline) return this.#track(this.#flushAside())
    const startedMs = Date.now()
    try {
      this.#file.dataSyncSync()
    } catch (error) {
      throw fsyncFailed(join(this.#options.directory, this.partialName), error)
    }
    pace.record(Date.now() - startedMs)
  }

  async finish(): Promise<void> {
    await this.close()
    const { disk, directory, walFileName, sync, room } = this.#options
    const names = { from: this.partialName, to: walFileName }
    await room.repeat(() => publishSegment(disk, directory, names, sync))
  }

  async close(): Promise<void> {
    await this.#named
    await Promise.allSettled(this.#running)
    if (this.#options.sync) await this.#flushAside()
    await this.#file.close()
  }

  async abandon(): Promise<void> {
    await Promise.allSettled([this.#named, ...this.#running])
    await Promise.allSettled([this.#file.close()])
  }

  #track(operation: Promise<void>): Promise<void> {
    this.#running.add(operation)
    const done = (): void => void this.#running.delete(operation)
    operation.then(done, done)
    return operation
  }

  async #flushAside(): Promise<void> {
    const startedMs = performance.now()
    try {
      await this.#file.dataSync()
    } catch (error) {
      throw fsyncFailed(join(this.#options.directory, this.partialName), error)
    }
    this.#options.pace.flush.record(performance.now() - startedMs)
    await this.#named
  }

  async #writeAside(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
    full?: unknown,
  ): Promise<void> {
    const startedMs = performance.now()
    try {
      await this.#options.room.repeat(() => this.#file.write(bytes, offset, length, position), full)
    } catch (error) {
      throw writeFailed(this.partialName, length, error)
    }
    this.#options.pace.write.record(performance.now() - startedMs)
  }
}
