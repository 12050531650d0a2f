import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { openCompressedSegment } from './compressed-segment-file.ts'
import type { CompressionSpec } from './compression/compression-spec.ts'
import { DirectSegmentFile } from './direct-segment-file.ts'
import { ChunkPool } from './chunk-pool.ts'
import type { DiskRoom } from './disk-room.ts'
import { IoPace } from './io-pace.ts'
import { PlainSegmentFile } from './plain-segment-file.ts'
import type { SegmentFile } from './segment-file.ts'
import { fsyncFailed, renameFile, syncDirectory } from './segment-publishing.ts'
import { SpareSegments } from './spare-segment.ts'
import type { TimelineId } from './timeline-id.ts'
import { walFileName } from './wal-file-name.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

export interface SegmentStoreOptions {
  readonly disk: Disk
  /** The receive directory. */
  readonly directory: string
  readonly walSegmentSize: WalSegmentSize
  /** 0o600, or 0o640 when the server's data directory is readable by its group. */
  readonly fileMode: number
  readonly sync: boolean
  /** `batch`: what was taken need not be written before the next flush, because that comes soon. */
  readonly flush: 'batch' | 'segment'
  readonly compression: CompressionSpec
  readonly room: DiskRoom
  readonly logger: Logger
}

/** Opens the files that segments are written to, in the layout of pg_receivewal. */
export class SegmentStore {
  readonly #options: SegmentStoreOptions
  readonly #spares: SpareSegments
  #chunks: ChunkPool | undefined
  #directRefused = false
  readonly #pace = {
    write: new IoPace({ slowMs: 50, fastMs: 5, runLength: 64 }),
    flush: new IoPace({ slowMs: 40, fastMs: 15, runLength: 16 }),
  }

  constructor(options: SegmentStoreOptions) {
    this.#options = options
    const direct = options.sync && options.flush === 'batch'
    this.#spares = new SpareSegments({ ...options, direct, directory: join(options.directory, '.walr') })
  }

  /**
   * To be called once before the first {@link open}, and before the directory's files are reported as flushed: a kill
   * between renaming a finished segment and syncing the directory leaves a name that is not durable yet.
   * @throws WalrError WALR_DIRECTORY, WALR_FSYNC_FAILED
   */
  async prepare(): Promise<void> {
    const { disk, directory, sync } = this.#options
    try {
      await this.#spares.removeLeftovers()
    } catch (error) {
      const text = `could not remove old files in "${join(directory, '.walr')}": ${systemErrorText(error)}`
      throw new WalrError('WALR_DIRECTORY', text, { cause: error })
    }
    if (sync) await syncDirectory(disk, directory)
  }

  /**
   * Opens a segment for writing from its first byte. What an earlier run left under its `.partial` name is kept, because
   * some of it may have been acknowledged, and written over with the same bytes.
   * @param after settles when the segment before has its final name: the new one gets its name later than that, so that
   * no crash leaves a directory in which a finished segment is missing before an open one.
   * @param live whether commits wait for this segment, rather than a backlog being fetched.
   */
  async open(
    timelineId: TimelineId,
    segmentNumber: bigint,
    options: { readonly after: Promise<void> | undefined; readonly live: boolean },
  ): Promise<SegmentFile> {
    const name = walFileName(timelineId, segmentNumber, this.#options.walSegmentSize)
    const { room, walSegmentSize } = this.#options
    try {
      await room.ensure(walSegmentSize * 2)
      return await room.repeat(() => this.#openFile(name, options))
    } catch (error) {
      if (error instanceof WalrError || (error instanceof Error && error.name === 'AbortError')) throw error
      throw new WalrError(
        'WALR_WRITE_FAILED',
        `could not open write-ahead log file "${name}.partial": ${systemErrorText(error)}`,
        {
          cause: error,
        },
      )
    }
  }

  /** Prepares the file for the segment after the open one. */
  prepareNext(live: boolean): void {
    if (this.#options.compression.method === 'none') this.#spares.prepare(live)
  }

  async close(): Promise<void> {
    await this.#spares.close()
    this.#chunks?.release()
    this.#chunks = undefined
  }

  async #openFile(name: string, options: { after: Promise<void> | undefined; live: boolean }): Promise<SegmentFile> {
    const { compression } = this.#options
    if (compression.method !== 'none') return openCompressedSegment(name, { ...this.#options, ...options, compression })
    return (await this.#openExisting(name)) ?? this.#openSpare(name, options)
  }

  async #openExisting(name: string): Promise<SegmentFile | undefined> {
    const { disk, directory, walSegmentSize, logger, sync } = this.#options
    const path = join(directory, `${name}.partial`)
    const size = await disk.size(path)
    if (size === undefined) return undefined
    const file = await disk.open(path, 'existing')
    try {
      if (size !== walSegmentSize) {
        logger.warning(
          `write-ahead log file "${name}.partial" has ${size} bytes, should be ${walSegmentSize}; repairing its size`,
        )
        await file.truncate(walSegmentSize)
      }
      if (sync) {
        await file.sync().catch((error: unknown) => {
          throw fsyncFailed(path, error)
        })
        await syncDirectory(disk, directory)
      }
      return this.#plain(name, file, undefined)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #openSpare(name: string, options: { after: Promise<void> | undefined; live: boolean }): Promise<SegmentFile> {
    const { file, direct, path, zeroed } = await this.#spares.take(options.live)
    const named = this.#name(path, name, options.after)
    if (!direct) return this.#plain(name, file, named)
    const chunks = this.#directRefused ? undefined : (this.#chunks ??= ChunkPool.create())
    if (!chunks) {
      await direct.close()
      return this.#plain(name, file, named)
    }
    const { disk, directory, room } = this.#options
    return new DirectSegmentFile({
      disk,
      directory,
      walFileName: name,
      file,
      direct,
      selfSyncing: zeroed,
      named,
      room,
      pace: this.#pace.flush,
      chunks,
      onRefused: () => (this.#directRefused = true),
    })
  }

  async #name(sparePath: string, name: string, after: Promise<void> | undefined): Promise<void> {
    const { disk, directory, sync, room } = this.#options
    await after
    await room.repeat(() => renameFile(disk, sparePath, join(directory, `${name}.partial`)))
    if (sync) await syncDirectory(disk, directory)
  }

  #plain(walFileNameText: string, file: PlainFile, named: Promise<void> | undefined): SegmentFile {
    const { disk, directory, sync, room } = this.#options
    return new PlainSegmentFile({
      disk,
      directory,
      walFileName: walFileNameText,
      file,
      named,
      sync,
      room,
      pace: this.#pace,
    })
  }
}

type PlainFile = ConstructorParameters<typeof PlainSegmentFile>[0]['file']
