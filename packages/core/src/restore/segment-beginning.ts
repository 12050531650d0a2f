import { WalrError } from '../errors/walr-error.ts'
import {
  checkSegmentHeader,
  LONG_PAGE_HEADER_BYTES,
  parseLongPageHeader,
  type ExpectedSegment,
} from '../wal/page-header.ts'
import { segmentHeaderFault } from '../wal/segment-header-fault.ts'
import { lengthWithoutZeros } from '../wal/trailing-zeros.ts'
import { segmentStartLsn, walFileSegment, type WalFileName } from '../wal/wal-file-name.ts'
import { isWalSegmentSize, type WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentOwner } from './segment-owner.ts'

/** An unfinished segment that nothing was written to yet. */
export class NothingWritten extends Error {}

/** A copy of a segment that is being looked at. */
export interface SegmentInHand {
  /** For messages: `file "..."`. */
  readonly description: string
  readonly walFileName: WalFileName
  readonly owner: SegmentOwner
  /** It may end anywhere. */
  readonly isUnfinished: boolean
}

/** Looks at the beginning of a segment as its bytes pass (law 5). */
export class SegmentBeginning {
  readonly #segment: SegmentInHand
  readonly #head: Buffer = Buffer.alloc(LONG_PAGE_HEADER_BYTES)
  #have = 0
  #onlyZeros = true
  #expected: ExpectedSegment | undefined

  constructor(segment: SegmentInHand) {
    this.#segment = segment
  }

  /** What the segment is; undefined until the page header has passed and was found good. */
  get expected(): ExpectedSegment | undefined {
    return this.#expected
  }

  /**
   * To be called with all bytes in order.
   * @returns the bytes whose beginning is the segment's, once, when {@link expected} has just become known: what was passed
   * before and these.
   * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE
   */
  add(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#expected !== undefined) return undefined
    this.#onlyZeros &&= lengthWithoutZeros(bytes) === 0
    const before = this.#have
    if (this.#have < this.#head.length) {
      const taken = bytes.subarray(0, this.#head.length - this.#have)
      this.#head.set(taken, this.#have)
      this.#have += taken.length
    }
    if (this.#onlyZeros || this.#have < this.#head.length) return undefined
    this.#expected = this.#check()
    return before === 0 ? bytes : Buffer.concat([this.#head.subarray(0, before), bytes])
  }

  /**
   * To be called behind the last byte.
   * @returns the segment size.
   * @throws NothingWritten for an unfinished segment of zeros, or of fewer bytes than a page header has.
   * @throws WalrError WALR_SEGMENT_CORRUPT for such a finished one.
   */
  finish(): WalSegmentSize {
    if (this.#expected !== undefined) return this.#expected.walSegmentSize
    if (this.#segment.isUnfinished) throw new NothingWritten()
    const { description } = this.#segment
    throw notDelivered('WALR_SEGMENT_CORRUPT', description, this.#onlyZeros ? 'holds only zeros' : 'is too short')
  }

  #check(): ExpectedSegment {
    const { description, walFileName, owner } = this.#segment
    const header = parseLongPageHeader(this.#head)
    if (typeof header === 'string') throw notDelivered('WALR_SEGMENT_CORRUPT', description, header)
    // Nobody may know the size: then the header's own must at least agree with the name and, later, with the file's size.
    const size = owner.walSegmentSize ?? header.walSegmentSize
    const segment = isWalSegmentSize(size) ? walFileSegment(walFileName, size) : undefined
    if (!isWalSegmentSize(size) || segment === undefined) {
      const why = `is not segment ${walFileName}: its page header says that segments have ${size} bytes`
      throw notDelivered('WALR_WRONG_SEGMENT_SIZE', description, why)
    }
    const expected = {
      systemIdentifier: owner.systemIdentifier,
      walSegmentSize: size,
      startLsn: segmentStartLsn(segment.segmentNumber, size),
      timelineId: segment.timelineId,
    }
    const check = checkSegmentHeader(this.#head, expected)
    if (check.kind === 'ok') return expected
    const { code, what } = segmentHeaderFault(check)
    throw notDelivered(code, description, what)
  }
}

/** The error for bytes that PostgreSQL must not get; `description` as {@link SegmentInHand.description}. */
export function notDelivered(
  code: 'WALR_SEGMENT_CORRUPT' | 'WALR_WRONG_CLUSTER' | 'WALR_WRONG_SEGMENT_SIZE' | 'WALR_TIMELINE',
  description: string,
  what: string,
  cause?: unknown,
): WalrError {
  return new WalrError(code, `${description} ${what}`, {
    hint: 'It was not handed to PostgreSQL. Put a good copy in its place.',
    cause,
  })
}
