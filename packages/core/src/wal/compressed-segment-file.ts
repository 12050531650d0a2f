import { join } from 'node:path'
import type { Disk, DiskFile } from '../disk/disk.ts'
import type { CompressionSpec } from './compression/compression-spec.ts'
import { createSegmentEncoder, type SegmentEncoder } from './compression/segment-encoder.ts'
import type { DiskRoom } from './disk-room.ts'
import { openEarlierPartial, type EarlierPartial } from './earlier-partial.ts'
import type { SegmentFile } from './segment-file.ts'
import { fsyncFailed, publishSegment, renameFile, syncDirectory, syncFile, writeFailed } from './segment-publishing.ts'

export interface CompressedSegmentOptions {
  readonly disk: Disk
  readonly directory: string
  readonly fileMode: number
  readonly sync: boolean
  readonly compression: Exclude<CompressionSpec, { readonly method: 'none' }>
  readonly room: DiskRoom
  readonly after: Promise<void> | undefined
}

/**
 * A segment compressed as it arrives (`--compress`). It grows under a name of its own and takes the `.partial` name once
 * it holds at least what an earlier run left there: what was acknowledged is in one of the two at every moment.
 */
export class CompressedSegmentFile implements SegmentFile {
  readonly partialName: string
  readonly holdsBack = true
  readonly #options: CompressedSegmentOptions
  readonly #walFileName: string
  readonly #file: DiskFile
  readonly #path: string
  readonly #earlier: EarlierPartial | undefined
  readonly #encoder: SegmentEncoder
  #named = false
  #fileLength = 0
  #written = 0
  /** Orders encoder calls: a flush may be asked for while a write is under way. */
  #queue: Promise<void> = Promise.resolve()

  constructor(
    walFileName: string,
    file: DiskFile,
    path: string,
    earlier: EarlierPartial | undefined,
    options: CompressedSegmentOptions,
  ) {
    this.#options = options
    this.#walFileName = walFileName
    this.#file = file
    this.#path = path
    this.#earlier = earlier
    this.#encoder = createSegmentEncoder(options.compression, (chunk) => this.#emit(chunk))
    this.partialName = `${walFileName}${this.#encoder.suffix}.partial`
  }

  write(bytes: Uint8Array, offset: number, length: number): Promise<void> {
    return this.#enqueue(async () => {
      if (!this.#named) await this.#earlier?.compare(bytes, offset, length)
      await this.#encoder.write(bytes, offset, length)
      this.#written += length
    })
  }

  flush(): Promise<void> {
    return this.#enqueue(async () => {
      await this.#encoder.flush()
      await this.#makeDurable()
      if (!this.#named && this.#written >= (this.#earlier?.length ?? 0)) await this.#takeName()
    })
  }

  async finish(): Promise<void> {
    await this.#enqueue(async () => {
      await this.#encoder.end()
      await this.#makeDurable()
      if (!this.#named) await this.#takeName()
      await this.#file.close()
    })
    const { disk, directory, sync } = this.#options
    const to = `${this.#walFileName}${this.#encoder.suffix}`
    const names = { from: this.partialName, to }
    await this.#options.room.repeat(() => publishSegment(disk, directory, names, sync))
  }

  async close(): Promise<void> {
    await this.flush()
    this.#encoder.destroy()
    await this.#earlier?.close()
    await this.#file.close()
    if (!this.#named) await this.#options.disk.remove(this.#path)
  }

  async abandon(): Promise<void> {
    await Promise.allSettled([this.#queue])
    this.#encoder.destroy()
    await Promise.allSettled([this.#file.close(), this.#earlier?.close()])
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const run = this.#queue.then(task)
    this.#queue = run.catch(() => undefined)
    return run
  }

  async #emit(chunk: Uint8Array): Promise<void> {
    try {
      await this.#options.room.repeat(() => this.#file.write(chunk, 0, chunk.length, this.#fileLength))
    } catch (error) {
      throw writeFailed(this.partialName, chunk.length, error)
    }
    this.#fileLength += chunk.length
  }

  async #makeDurable(): Promise<void> {
    if (!this.#options.sync) return
    await this.#file.dataSync().catch((error: unknown) => {
      throw fsyncFailed(join(this.#options.directory, this.partialName), error)
    })
  }

  async #takeName(): Promise<void> {
    const { disk, directory, after, sync, room } = this.#options
    await after
    await this.#earlier?.close()
    await room.repeat(() => renameFile(disk, this.#path, join(directory, this.partialName)))
    if (sync) await syncDirectory(disk, directory)
    this.#named = true
  }
}

let opened = 0

/** Opens a segment to be written compressed, from its first byte. */
export async function openCompressedSegment(
  walFileName: string,
  options: CompressedSegmentOptions,
): Promise<CompressedSegmentFile> {
  const { disk, directory, fileMode, compression, sync } = options
  const suffix = compression.method === 'gzip' ? '.gz' : compression.method === 'lz4' ? '.lz4' : '.zst'
  const partial = join(directory, `${walFileName}${suffix}.partial`)
  let earlier: EarlierPartial | undefined
  if ((await disk.size(partial)) !== undefined) {
    // It stands in for the new file until that has as much, so all of it must be durable, not only readable.
    if (sync) {
      await syncFile(disk, partial)
      await syncDirectory(disk, directory)
    }
    earlier = await openEarlierPartial(disk, partial, suffix)
  }
  opened += 1
  const path = join(directory, '.walr', `spare-${process.pid}-${opened}${suffix}`)
  const file = await disk.open(path, 'createNew', fileMode)
  // Handled where it is awaited; a segment that is never flushed must not make it an unhandled rejection.
  options.after?.catch(() => undefined)
  return new CompressedSegmentFile(walFileName, file, path, earlier, options)
}
