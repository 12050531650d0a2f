import { CRC32C_START, updateCrc32c } from './crc32c.ts'
import { formatLsn, toLsn, type Lsn } from './lsn.ts'
import { LONG_PAGE_HEADER_BYTES, parseLongPageHeader } from './page-header.ts'
import type { SegmentEnd, SegmentRecords } from './record-edges.ts'
import {
  isSwitch,
  LEAST_PAGE_BYTES,
  MOST_PAGE_BYTES,
  MOST_RECORD_BYTES,
  PAGE_HEADER_BYTES,
  PAGE_REST_AT,
  RECORD_ALIGNMENT,
  RECORD_CRC_AT,
  RECORD_HEADER_BYTES,
  RECORD_INFO_AT,
  RECORD_PREVIOUS_AT,
  XLP_ALL_FLAGS,
  XLP_FIRST_IS_CONTRECORD,
  XLP_FIRST_IS_OVERWRITE_CONTRECORD,
  XLP_LONG_HEADER,
} from './record-format.ts'
import { isWalSegmentSize } from './wal-segment-size.ts'

/** Of a record that began in the segment before so much is kept: it may be of the record's header. */
const KEPT_BYTES = RECORD_HEADER_BYTES - RECORD_ALIGNMENT
const NONE = -1

/** What the next byte of a page's content is. */
const BETWEEN = 0
const HEADER = 1
const DATA = 2
/** Of a record that began in an earlier segment. */
const HEAD = 3
/** Zeros up to the end, without page headers: behind a switch, or the end of WAL. */
const ZEROS = 4
/** Behind something that is no valid WAL: whatever. */
const LOST = 5
type Phase = typeof BETWEEN | typeof HEADER | typeof DATA | typeof HEAD | typeof ZEROS | typeof LOST

/**
 * Follows the records of a segment while its bytes pass: their lengths, the chain of `xl_prev`, and the CRC-32C of each. It
 * stops at the first thing that is no valid WAL. Of records on the segment's edges it keeps what is needed to check them
 * together with their other half. Nothing is allocated for a record.
 */
export class RecordScanner {
  readonly #startLsn: Lsn
  readonly #startHigh: number
  readonly #startLow: number
  /** The header of the page, and the one of the record, that is being read. */
  readonly #page: Buffer = Buffer.alloc(LONG_PAGE_HEADER_BYTES)
  readonly #header: Buffer = Buffer.alloc(RECORD_HEADER_BYTES)
  readonly #headerView: DataView = new DataView(this.#header.buffer, this.#header.byteOffset, RECORD_HEADER_BYTES)
  readonly #kept: Buffer = Buffer.alloc(KEPT_BYTES)
  #phase: Phase = BETWEEN
  #offset = 0
  #pageSize = MOST_PAGE_BYTES
  #segmentSize = Infinity
  #magic = 0
  #timelineId = 0
  /** Of the record that is being read, or what there is to come of one that began earlier. */
  #start = 0
  #length = 0
  #have = 0
  #crc = CRC32C_START
  #validEnd = 0
  #recordCount = 0
  #firstStart = NONE
  #firstPrevious: Lsn | undefined
  #lastStart = NONE
  #head: { readonly length: number; have: number; crc: number; isAborted: boolean } | undefined
  #overwritesOpenRecord = false
  #hasSwitch = false
  #isTorn = false
  #stray = NONE
  #fault: string | undefined

  /** @param options `startLsn`: of the segment. */
  constructor({ startLsn }: { readonly startLsn: Lsn }) {
    this.#startLsn = startLsn
    this.#startHigh = Number(startLsn >> 32n)
    this.#startLow = Number(startLsn & 0xffff_ffffn)
  }

  /**
   * Where the valid WAL of the segment ends, of what was added: behind its last whole record, or behind a page header or the
   * rest of an earlier record, when that comes later. 0 when the bytes are not this segment's.
   */
  get validEndOffset(): number {
    return this.#validEnd
  }

  /** To be called with all bytes of the segment in order, in pieces of any size. Never throws. */
  add(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let at = 0; at < bytes.length && this.#phase !== LOST && this.#offset < this.#segmentSize;) {
      const inPage = this.#offset & (this.#pageSize - 1)
      const headerBytes = this.#offset < LONG_PAGE_HEADER_BYTES ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES
      const before = at
      if (this.#phase === ZEROS) at = this.#passZeros(bytes, at)
      else if (inPage >= headerBytes) {
        at = this.#passContent(bytes, view, at, Math.min(bytes.length, at + this.#pageSize - inPage))
      } else {
        const part = bytes.subarray(at, at + headerBytes - inPage)
        this.#page.set(part, inPage)
        at += part.length
        if (inPage + part.length === headerBytes) this.#beginPage(this.#offset - inPage)
      }
      this.#offset += at - before
    }
  }

  /** What was found. */
  get records(): SegmentRecords {
    const lsnAt = (offset: number): Lsn => toLsn(this.#startLsn + BigInt(offset))
    const unless = (offset: number): Lsn | undefined => (offset === NONE ? undefined : lsnAt(offset))
    const hasTail = this.#phase === HEADER || this.#phase === DATA
    const header = Uint8Array.from(this.#header.subarray(0, Math.min(this.#have, RECORD_HEADER_BYTES)))
    const { length = 0, have = 0, crc = 0, isAborted = false } = this.#head ?? {}
    const kept = Uint8Array.from(this.#kept.subarray(0, Math.min(have, KEPT_BYTES)))
    return {
      startLsn: this.#startLsn,
      endLsn: lsnAt(this.#offset),
      validEndLsn: lsnAt(this.#validEnd),
      recordCount: this.#recordCount,
      head: this.#head && { length, have, kept, crc, isAborted },
      overwritesOpenRecord: this.#overwritesOpenRecord,
      firstStart: unless(this.#firstStart),
      firstPrevious: this.#firstPrevious,
      lastStart: unless(this.#lastStart),
      tail: hasTail
        ? { start: lsnAt(this.#start), length: this.#length, have: this.#have, header, crc: this.#crc }
        : undefined,
      end: this.#segmentEnd,
      fault: this.#fault,
      stray: unless(this.#stray),
    }
  }

  get #segmentEnd(): SegmentEnd {
    if (this.#hasSwitch) return 'switch'
    if (this.#phase === ZEROS) return this.#isTorn ? 'torn' : 'zeros'
    return this.#offset < this.#segmentSize ? 'cut' : 'full'
  }

  #beginPage(pageOffset: number): void {
    const header = this.#page
    const headerBytes = pageOffset === 0 ? LONG_PAGE_HEADER_BYTES : PAGE_HEADER_BYTES
    if (header.subarray(0, headerBytes).every((byte) => byte === 0)) {
      this.#isTorn = this.#phase !== BETWEEN
      this.#phase = ZEROS
      return
    }
    const fault = pageOffset === 0 ? this.#takeFirstPage() : this.#pageFault(pageOffset)
    if (fault !== undefined) {
      this.#lose(fault, pageOffset)
      return
    }
    if (header.readUInt32LE(PAGE_REST_AT + 4) !== 0) this.#noteStray(pageOffset + PAGE_REST_AT + 4)
    const info = header.readUInt16LE(2)
    const rest = header.readUInt32LE(PAGE_REST_AT)
    const continues = (info & XLP_FIRST_IS_CONTRECORD) !== 0
    const overwrites = (info & XLP_FIRST_IS_OVERWRITE_CONTRECORD) !== 0
    if (continues && overwrites) {
      this.#lose('has a page that both continues a record and gives it up', pageOffset)
    } else if (this.#phase === BETWEEN) {
      if (continues) this.#beginHead(pageOffset, rest)
      else if (rest !== 0) this.#noteStray(pageOffset + PAGE_REST_AT)
      if (pageOffset === 0) this.#overwritesOpenRecord = overwrites
      if (this.#fault === undefined) this.#validEnd = pageOffset + headerBytes
    } else if (overwrites) {
      if (this.#head && this.#phase === HEAD) this.#head.isAborted = true
      this.#phase = BETWEEN
      this.#validEnd = pageOffset + headerBytes
    } else if (!continues || rest !== this.#length - this.#have) {
      this.#lose(
        `has a page that does not continue the record at ${this.#lsnText(this.#phase === HEAD ? 0 : this.#start)}`,
        pageOffset,
      )
    }
  }

  /** @returns what is wrong with the first page. */
  #takeFirstPage(): string | undefined {
    const header = parseLongPageHeader(this.#page)
    if (typeof header === 'string') return header
    const { blockSize, walSegmentSize } = header
    if (header.pageAddress !== this.#startLsn) return `begins with a page of ${formatLsn(header.pageAddress)}`
    if (blockSize < LEAST_PAGE_BYTES || blockSize > MOST_PAGE_BYTES || (blockSize & (blockSize - 1)) !== 0) {
      return `has pages of ${blockSize} bytes by its header`
    }
    if (!isWalSegmentSize(walSegmentSize) || this.#startLsn % BigInt(walSegmentSize) !== 0n) {
      return `is of ${walSegmentSize} bytes by its header`
    }
    if (header.timelineId === 0 || header.info > XLP_ALL_FLAGS) return 'has an impossible page header'
    this.#pageSize = blockSize
    this.#segmentSize = walSegmentSize
    this.#magic = header.magic
    this.#timelineId = header.timelineId
    return undefined
  }

  #pageFault(pageOffset: number): string | undefined {
    const header = this.#page
    const info = header.readUInt16LE(2)
    const timelineId = header.readUInt32LE(4)
    const address = toLsn(header.readBigUInt64LE(8))
    if (header.readUInt16LE(0) !== this.#magic) return 'has something else where a page should begin'
    if (info > XLP_ALL_FLAGS || (info & XLP_LONG_HEADER) !== 0) return 'has an impossible page header'
    if (address !== this.#startLsn + BigInt(pageOffset)) return `has a page of ${formatLsn(address)}`
    if (timelineId < this.#timelineId) return `has a page of timeline ${timelineId} behind one of ${this.#timelineId}`
    this.#timelineId = timelineId
    return undefined
  }

  #beginHead(pageOffset: number, rest: number): void {
    if (pageOffset !== 0 || rest === 0 || rest > MOST_RECORD_BYTES) {
      this.#lose('has a page that continues a record, and none has begun', pageOffset)
      return
    }
    this.#head = { length: rest, have: 0, crc: 0, isAborted: false }
    this.#phase = HEAD
    this.#length = rest
    this.#have = 0
    this.#crc = 0
  }

  /** @returns where it stopped: at `end`, or before it where no record can follow. */
  #passContent(bytes: Uint8Array, view: DataView, from: number, end: number): number {
    const base = this.#offset - from
    let at = from
    while (at < end) {
      switch (this.#phase) {
        case BETWEEN:
          at = this.#passWholeRecords(bytes, view, at, end, base)
          break
        case HEADER:
          at = this.#passHeader(bytes, at, end, base)
          break
        case DATA:
          at = this.#passData(bytes, view, at, end, base)
          break
        case HEAD:
          at = this.#passHead(bytes, view, at, end, base)
          break
        case ZEROS:
        case LOST:
          return at
      }
    }
    return at
  }

  /** Takes the records that are whole in these bytes; one that is not, begins. */
  #passWholeRecords(bytes: Uint8Array, view: DataView, from: number, end: number, base: number): number {
    let at = this.#passPadding(bytes, from, end, base)
    while (at < end) {
      if (end - at < RECORD_HEADER_BYTES) return this.#beginRecord(at, base)
      const length = view.getUint32(at, true)
      const recordEnd = at + length
      if (length < RECORD_HEADER_BYTES || recordEnd > end) return this.#beginRecord(at, base)
      if (!this.#isPreviousRight(view, at, base + at)) return at
      const crc = updateCrc32c(CRC32C_START, bytes, view, at + RECORD_HEADER_BYTES, recordEnd)
      if (!this.#takeRecord(bytes, view, at, crc, base + at, base + recordEnd)) return recordEnd
      at = this.#passPadding(bytes, recordEnd, end, base)
    }
    return at
  }

  #passPadding(bytes: Uint8Array, from: number, end: number, base: number): number {
    const paddingEnd = Math.min(end, from + (-(base + from) & (RECORD_ALIGNMENT - 1)))
    for (let at = from; at < paddingEnd; at += 1) if (bytes[at] !== 0) this.#noteStray(base + at)
    return paddingEnd
  }

  #beginRecord(at: number, base: number): number {
    this.#phase = HEADER
    this.#start = base + at
    this.#have = 0
    this.#length = 0
    this.#crc = CRC32C_START
    return at
  }

  #passHeader(bytes: Uint8Array, from: number, end: number, base: number): number {
    const header = this.#header
    const part = bytes.subarray(from, Math.min(end, from + RECORD_HEADER_BYTES - this.#have))
    header.set(part, this.#have)
    const before = this.#have
    this.#have += part.length
    if (before < 4 && this.#have >= 4) {
      this.#length = header.readUInt32LE(0)
      if (this.#length === 0) this.#endWal()
      else if (this.#length < RECORD_HEADER_BYTES || this.#length > MOST_RECORD_BYTES) {
        this.#lose(`has a record of ${this.#length} bytes`, this.#start)
      }
    }
    if (this.#have === RECORD_HEADER_BYTES && this.#phase === HEADER) {
      if (this.#isPreviousRight(this.#headerView, 0, this.#start)) {
        this.#phase = DATA
        if (this.#length === RECORD_HEADER_BYTES) this.#endRecord(base + from + part.length)
      }
    }
    return from + part.length
  }

  #passData(bytes: Uint8Array, view: DataView, from: number, end: number, base: number): number {
    const to = Math.min(end, from + this.#length - this.#have)
    this.#crc = updateCrc32c(this.#crc, bytes, view, from, to)
    this.#have += to - from
    if (this.#have === this.#length) this.#endRecord(base + to)
    return to
  }

  #passHead(bytes: Uint8Array, view: DataView, from: number, end: number, base: number): number {
    const to = Math.min(end, from + this.#length - this.#have)
    const keptEnd = Math.min(to, from + Math.max(0, KEPT_BYTES - this.#have))
    if (keptEnd > from) this.#kept.set(bytes.subarray(from, keptEnd), this.#have)
    this.#crc = updateCrc32c(this.#crc, bytes, view, keptEnd, to)
    this.#have += to - from
    if (this.#head) {
      this.#head.have = this.#have
      this.#head.crc = this.#crc
    }
    if (this.#have === this.#length) {
      this.#phase = BETWEEN
      this.#validEnd = base + to
    }
    return to
  }

  #passZeros(bytes: Uint8Array, from: number): number {
    const end = Math.min(bytes.length, from + this.#segmentSize - this.#offset)
    for (let at = from; at < end && this.#stray === NONE; at += 1) {
      if (bytes[at] !== 0) this.#noteStray(this.#offset + at - from)
    }
    return end
  }

  #endRecord(endOffset: number): void {
    this.#phase = BETWEEN
    this.#takeRecord(this.#header, this.#headerView, 0, this.#crc, this.#start, endOffset)
  }

  /** @param crc over the data behind the header. @returns whether other records may follow. */
  #takeRecord(
    bytes: Uint8Array,
    view: DataView,
    headerAt: number,
    crc: number,
    start: number,
    endOffset: number,
  ): boolean {
    const whole = updateCrc32c(crc, bytes, view, headerAt, headerAt + RECORD_CRC_AT)
    if (~whole !== view.getInt32(headerAt + RECORD_CRC_AT, true)) {
      this.#lose('has a record whose checksum is wrong', start)
      return false
    }
    if (this.#firstStart === NONE) this.#firstStart = start
    this.#lastStart = start
    this.#validEnd = endOffset
    this.#recordCount += 1
    this.#hasSwitch = isSwitch(bytes[headerAt + RECORD_INFO_AT] ?? 0, bytes[headerAt + RECORD_INFO_AT + 1] ?? 0)
    if (this.#hasSwitch) this.#phase = ZEROS
    return !this.#hasSwitch
  }

  /** Whether the record goes on from the one before it. */
  #isPreviousRight(view: DataView, headerAt: number, start: number): boolean {
    const low = view.getUint32(headerAt + RECORD_PREVIOUS_AT, true)
    const high = view.getUint32(headerAt + RECORD_PREVIOUS_AT + 4, true)
    if (this.#lastStart === NONE) {
      this.#firstPrevious = toLsn((BigInt(high) << 32n) | BigInt(low))
      if (this.#firstPrevious < this.#startLsn + BigInt(start)) return true
    } else if (high === this.#startHigh && low === this.#startLow + this.#lastStart) return true
    this.#lose('has a record that does not follow the one before it', start)
    return false
  }

  /** No record begins where one would have to: zeros. */
  #endWal(): void {
    for (let at = 0; at < this.#have; at += 1) if (this.#header[at] !== 0) this.#noteStray(this.#start + at)
    this.#phase = ZEROS
  }

  #lose(what: string, offset: number): void {
    this.#fault ??= `${what} at ${this.#lsnText(offset)}`
    this.#phase = LOST
  }

  #noteStray(offset: number): void {
    if (this.#stray === NONE) this.#stray = offset
  }

  #lsnText(offset: number): string {
    return formatLsn(toLsn(this.#startLsn + BigInt(offset)))
  }
}
