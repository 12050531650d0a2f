import { WalrError } from '../errors/walr-error.ts'
import { checkSegmentHeader, LONG_PAGE_HEADER_BYTES, type ExpectedSegment } from './page-header.ts'
import { formatLsn, toLsn, type Lsn } from './lsn.ts'
import { segmentHeaderFault } from './segment-header-fault.ts'

/** `SizeOfXLogShortPHD` without the padding at its end. */
const SHORT_HEADER_BYTES = 20

/**
 * Checks a segment page by page while its bytes pass (law 5): the first page's long header, and each further page's magic,
 * timeline and address. Pages of zeros are fine at the end: that is what follows a switch of segments. WAL behind one is not:
 * then a page was lost.
 */
export class SegmentPages {
  readonly #name: string
  readonly #expected: ExpectedSegment
  readonly #header: Buffer = Buffer.alloc(LONG_PAGE_HEADER_BYTES)
  #pageSize = 0
  #magic = 0
  #have = 0
  #offset = 0
  /** Where the zeros at the end begin. */
  #zeroLsn: Lsn | undefined

  /** @param name what errors call the segment. */
  constructor(name: string, expected: ExpectedSegment) {
    this.#name = name
    this.#expected = expected
  }

  /** `XLOG_BLCKSZ` by the first page's header; 0 before that has passed. */
  get pageSize(): number {
    return this.#pageSize
  }

  /**
   * To be called with all bytes in order.
   * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE
   */
  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const inPage = this.#pageSize === 0 ? this.#offset : this.#offset % this.#pageSize
      const wanted = this.#pageSize === 0 ? LONG_PAGE_HEADER_BYTES : SHORT_HEADER_BYTES
      if (inPage < wanted) {
        const part = bytes.subarray(at, at + wanted - inPage)
        this.#header.set(part, inPage)
        this.#have = inPage + part.length
        if (this.#have === wanted) this.#check(this.#offset - inPage)
        at += part.length
        this.#offset += part.length
      } else {
        const skipped = Math.min(bytes.length - at, this.#pageSize - inPage)
        at += skipped
        this.#offset += skipped
      }
    }
  }

  /**
   * To be called behind the last byte.
   * @throws WalrError WALR_SEGMENT_CORRUPT when the size is not that of a segment.
   */
  finish(): void {
    if (this.#offset !== this.#expected.walSegmentSize) {
      throw this.#corrupt(`has ${this.#offset} bytes, not ${this.#expected.walSegmentSize}`)
    }
  }

  #check(pageOffset: number): void {
    if (pageOffset === 0) {
      this.#checkFirst()
      return
    }
    const header = this.#header
    const magic = header.readUInt16LE(0)
    const timelineId = header.readUInt32LE(4)
    const address = header.readBigUInt64LE(8)
    const lsn = toLsn(this.#expected.startLsn + BigInt(pageOffset))
    if (magic === 0 && timelineId === 0 && address === 0n) {
      this.#zeroLsn ??= lsn
      return
    }
    if (this.#zeroLsn !== undefined) {
      throw this.#corrupt(`has zeros at ${formatLsn(this.#zeroLsn)} and WAL behind them, at ${formatLsn(lsn)}`)
    }
    if (magic !== this.#magic) throw this.#corrupt(`has page magic 0x${magic.toString(16)} at ${formatLsn(lsn)}`)
    if (address !== lsn) {
      throw this.#corrupt(`has a page of ${formatLsn(toLsn(address))} at ${formatLsn(lsn)}`)
    }
    if (timelineId === 0 || timelineId > (this.#expected.timelineId ?? 0xffff_ffff)) {
      throw this.#corrupt(`has a page of timeline ${timelineId} at ${formatLsn(lsn)}`)
    }
  }

  #checkFirst(): void {
    const check = checkSegmentHeader(this.#header, this.#expected)
    if (check.kind !== 'ok') {
      const { code, what } = segmentHeaderFault(check)
      throw new WalrError(code, `segment "${this.#name}" ${what}`)
    }
    this.#magic = check.header.magic
    this.#pageSize = check.header.blockSize
    if (!isPageSize(this.#pageSize)) throw this.#corrupt(`has pages of ${this.#pageSize} bytes by its header`)
  }

  #corrupt(what: string): WalrError {
    return new WalrError('WALR_SEGMENT_CORRUPT', `segment "${this.#name}" ${what}`)
  }
}

/** `XLOG_BLCKSZ` is a power of two from 1 to 64 KiB. */
function isPageSize(size: number): boolean {
  return size >= 1024 && size <= 65_536 && (size & (size - 1)) === 0
}
