import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { formatLsn, toLsn, type FlushedLsn, type Lsn } from './lsn.ts'
import type { SegmentFile } from './segment-file.ts'
import type { SegmentStore } from './segment-store.ts'
import type { TimelineId } from './timeline-id.ts'
import { segmentNumberOf, segmentOffset, segmentStartLsn } from './wal-file-name.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

export interface SegmentWriterOptions {
  readonly store: Pick<SegmentStore, 'open' | 'prepareNext'>
  readonly walSegmentSize: WalSegmentSize
  /** False with `--no-sync`: bytes are written and segments finished, but nothing is ever durable. */
  readonly sync: boolean
  readonly logger: Logger
  /** Called when a segment is durable under its final name; `endLsn` is the first byte after it. */
  readonly onSegmentFinished: (endLsn: Lsn, timelineId: TimelineId) => void
}

/**
 * Writes the stream of one timeline into segments, contiguous or not at all, and is the one place where a
 * {@link FlushedLsn} is made (law 1). A finished segment is made durable and renamed in the background, while the next one
 * is being written; its end is flushed only when that is done.
 */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions
  readonly #startLsn: Lsn
  #timelineId: TimelineId
  #segmentNumber: bigint
  /** Where the next byte goes in the current segment. */
  #offset = 0
  /** The next byte's LSN as two 32-bit halves: the hot path compares numbers and makes no bigint. */
  #nextHigh: number
  #nextLow: number
  #file: SegmentFile | undefined
  #finishing: Promise<void> | undefined
  #finishingEndLsn: Lsn | undefined
  #finishingHoldsBack = false
  #closing: Promise<void> | undefined
  /** The first error of any kind. From then on nothing is synced again, and nothing becomes flushed. */
  #failure: Error | undefined
  #dirty = false
  #flushedLsn: FlushedLsn | undefined
  /** Set by the stream: commits wait for what is written now. */
  live = false

  /**
   * @param startLsn the first byte of a segment.
   * @param durableStart whether everything before `startLsn` that this directory is to hold is known to be durable.
   */
  constructor(timelineId: TimelineId, startLsn: Lsn, durableStart: boolean, options: SegmentWriterOptions) {
    if (segmentOffset(startLsn, options.walSegmentSize) !== 0) {
      throw new WalrError(
        'WALR_INTERNAL',
        `streaming must start at a segment's first byte, not at ${formatLsn(startLsn)}`,
      )
    }
    this.#options = options
    this.#startLsn = startLsn
    this.#timelineId = timelineId
    this.#segmentNumber = segmentNumberOf(startLsn, options.walSegmentSize)
    this.#nextHigh = Number(startLsn >> 32n)
    this.#nextLow = Number(startLsn & 0xffff_ffffn)
    if (durableStart && options.sync) this.#flushedLsn = startLsn as FlushedLsn
  }

  get timelineId(): TimelineId {
    return this.#timelineId
  }

  /** One past the last byte that was taken. */
  get writtenLsn(): Lsn {
    return toLsn((BigInt(this.#nextHigh) << 32n) | BigInt(this.#nextLow))
  }

  /** One past the last byte that the system has, and that a kill of this process cannot lose; or an earlier one. */
  get reportedWriteLsn(): Lsn {
    if (!this.#file?.holdsBack && !this.#finishingHoldsBack) return this.writtenLsn
    return this.#flushedLsn ?? this.#startLsn
  }

  /** One past the last durable byte; undefined while nothing is. */
  get flushedLsn(): FlushedLsn | undefined {
    return this.#flushedLsn
  }

  /** Whether bytes were written since the last flush was begun. */
  get dirty(): boolean {
    return this.#dirty
  }

  /** Bytes from `lsn`, given in halves, back to the next byte to be written; negative when that is further on. */
  distanceTo(high: number, low: number): number {
    return (high - this.#nextHigh) * 0x1_0000_0000 + (low - this.#nextLow)
  }

  /**
   * Refuses WAL that does not continue what is there.
   * @throws WalrError WALR_PROTOCOL
   */
  expect(startHigh: number, startLow: number): void {
    if (startHigh === this.#nextHigh && startLow === this.#nextLow) return
    const received = toLsn((BigInt(startHigh) << 32n) | BigInt(startLow))
    const offset = segmentOffset(received, this.#options.walSegmentSize)
    const text = this.#file
      ? `got WAL data offset ${hex(offset)}, expected ${hex(this.#offset)}`
      : `received write-ahead log record for offset ${offset} with no file open`
    throw new WalrError('WALR_PROTOCOL', text, {
      detail: `The server sent WAL from ${formatLsn(received)}; the next byte needed is ${formatLsn(this.writtenLsn)}.`,
    })
  }

  /**
   * Writes the bytes that follow. Returns nothing when they have been given to the system and `bytes` may be reused, else
   * a promise of that.
   * @throws WalrError WALR_WRITE_FAILED, WALR_FSYNC_FAILED, WALR_SEGMENT_CONFLICT; after an error the writer is of no use.
   */
  write(bytes: Buffer, offset: number, length: number): void | Promise<void> {
    if (!this.#file || this.#failure || this.#offset + length >= this.#options.walSegmentSize) {
      return this.#writeAcross(bytes, offset, length)
    }
    let pending: void | Promise<void>
    try {
      pending = this.#file.write(bytes, offset, length, this.#offset)
    } catch (error) {
      throw this.#fail(error)
    }
    if (pending) return this.#orFail(pending.then(() => this.#advance(length)))
    this.#advance(length)
  }

  /**
   * Makes everything written so far durable and moves {@link flushedLsn} there. `background` forbids blocking the thread.
   * @throws WalrError WALR_FSYNC_FAILED: fatal, nothing may be acknowledged any more.
   */
  flush(background: boolean): void | Promise<void> {
    if (this.#failure) throw this.#failure
    this.#dirty = false
    if (this.#finishing || !this.#file || !this.#options.sync) return this.#orFail(this.#flushAll(background))
    const target = this.writtenLsn
    let pending: void | Promise<void>
    try {
      pending = this.#file.flush(background)
    } catch (error) {
      throw this.#fail(error)
    }
    if (pending) return this.#orFail(pending.then(() => this.#setFlushed(target)))
    this.#setFlushed(target)
  }

  /**
   * Ends the stream of this timeline: flushes, and leaves an incomplete segment under its `.partial` name.
   * @throws WalrError as {@link write}, and what has failed before.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Closes files without claiming anything; for error paths. Never rejects. */
  async abandon(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await Promise.allSettled([this.#finishing, this.#closing, file?.abandon()])
  }

  async #close(): Promise<void> {
    await this.#finishing
    if (this.#failure) throw this.#failure
    const file = this.#file
    if (!file) return
    this.#file = undefined
    this.#options.logger.notice(`not renaming "${file.partialName}", segment is not complete`)
    const target = this.writtenLsn
    try {
      await file.close()
    } catch (error) {
      await file.abandon()
      throw this.#fail(error)
    }
    this.#setFlushed(target)
  }

  #writeAcross(bytes: Buffer, offset: number, length: number): Promise<void> {
    return this.#orFail(this.#writeSegments(bytes, offset, length))
  }

  async #writeSegments(bytes: Buffer, offset: number, length: number): Promise<void> {
    const { walSegmentSize } = this.#options
    let from = offset
    let left = length
    while (left > 0) {
      if (this.#failure) throw this.#failure
      this.#file ??= await this.#open()
      const taken = Math.min(left, walSegmentSize - this.#offset)
      await this.#file.write(bytes, from, taken, this.#offset)
      this.#advance(taken)
      from += taken
      left -= taken
      if (this.#offset === walSegmentSize) await this.#nextSegment(this.#file)
    }
  }

  #open(): Promise<SegmentFile> {
    const after = this.#finishing?.then(() => {
      if (this.#failure) throw this.#failure
    })
    // Handled by the new file once it is open; until then a rejection must not count as unhandled.
    after?.catch(() => undefined)
    const options = { after, live: this.live }
    const opening = this.#options.store.open(this.#timelineId, this.#segmentNumber, options)
    return opening.then((file) => {
      this.#options.store.prepareNext(this.live)
      return file
    })
  }

  /** Starts to finish `file` beside the stream; waits only when the one before is not finished yet. */
  async #nextSegment(file: SegmentFile): Promise<void> {
    await this.#finishing
    if (this.#failure) throw this.#failure
    this.#file = undefined
    this.#segmentNumber += 1n
    this.#offset = 0
    const endLsn = segmentStartLsn(this.#segmentNumber, this.#options.walSegmentSize)
    this.#finishingEndLsn = endLsn
    this.#finishingHoldsBack = file.holdsBack
    this.#finishing = this.#finish(file, endLsn)
  }

  /** Never rejects: a failure is kept, and thrown by whatever is called next. */
  async #finish(file: SegmentFile, endLsn: Lsn): Promise<void> {
    try {
      await file.finish()
    } catch (error) {
      this.#fail(error)
      await file.abandon()
      return
    } finally {
      if (this.#finishingEndLsn === endLsn) {
        this.#finishing = undefined
        this.#finishingHoldsBack = false
      }
    }
    this.#setFlushed(endLsn)
    this.#options.onSegmentFinished(endLsn, this.#timelineId)
  }

  async #flushAll(background: boolean): Promise<void> {
    const target = this.writtenLsn
    const file = this.#file
    await this.#finishing
    this.#throwIfFailed()
    if (!file || !this.#options.sync) return
    if (file === this.#file) {
      await file.flush(background)
      this.#setFlushed(target)
    } else {
      // It was filled meanwhile and must not be touched any more: finishing makes it durable.
      await this.#finishing
      this.#throwIfFailed()
    }
  }

  #advance(length: number): void {
    this.#dirty = true
    this.#offset += length
    this.#nextLow += length
    if (this.#nextLow > 0xffff_ffff) {
      this.#nextLow -= 0x1_0000_0000
      this.#nextHigh += 1
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure
  }

  #fail(error: unknown): Error {
    this.#failure ??= error instanceof Error ? error : new WalrError('WALR_INTERNAL', String(error))
    return this.#failure
  }

  #orFail(pending: Promise<void>): Promise<void> {
    return pending.catch((error: unknown) => {
      throw this.#fail(error)
    })
  }

  #setFlushed(lsn: Lsn): void {
    if (!this.#options.sync || this.#failure) return
    if (this.#flushedLsn === undefined || lsn > this.#flushedLsn) this.#flushedLsn = lsn as FlushedLsn
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}
