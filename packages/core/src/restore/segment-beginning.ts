import { WalrError } from '../errors/walr-error.ts'
import { checkSegmentHeader, LONG_PAGE_HEADER_BYTES, parseLongPageHeader } from '../wal/page-header.ts'
import { segmentStartLsn, walFileSegment, type WalFileName } from '../wal/wal-file-name.ts'
import { isWalSegmentSize, type WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentOwner } from './segment-owner.ts'
import type { SourceFile } from './source-file.ts'

/** An unfinished segment that nothing was written to yet. */
export class NothingWritten extends Error {}

/** Looks at the beginning of a segment as its bytes pass (law 5). */
export class SegmentBeginning {
  readonly #source: SourceFile
  readonly #walFileName: WalFileName
  readonly #owner: SegmentOwner
  readonly #head: Buffer = Buffer.alloc(LONG_PAGE_HEADER_BYTES)
  #have = 0
  #onlyZeros = true
  #size: WalSegmentSize | undefined

  constructor(source: SourceFile, walFileName: WalFileName, owner: SegmentOwner) {
    this.#source = source
    this.#walFileName = walFileName
    this.#owner = owner
  }

  /** The segment size; undefined until the page header has passed and was found good. */
  get size(): WalSegmentSize | undefined {
    return this.#size
  }

  /**
   * To be called with all bytes in order.
   * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE
   */
  add(bytes: Uint8Array): void {
    if (this.#size !== undefined) return
    this.#onlyZeros &&= isZeros(bytes)
    if (this.#have < this.#head.length) {
      const taken = bytes.subarray(0, this.#head.length - this.#have)
      this.#head.set(taken, this.#have)
      this.#have += taken.length
    }
    if (this.#onlyZeros || this.#have < this.#head.length) return
    this.#size = this.#check()
  }

  /**
   * To be called behind the last byte.
   * @returns the segment size.
   * @throws NothingWritten for an unfinished segment of zeros, or of fewer bytes than a page header has.
   * @throws WalrError WALR_SEGMENT_CORRUPT for such a finished one.
   */
  finish(): WalSegmentSize {
    if (this.#size !== undefined) return this.#size
    if (this.#source.partial) throw new NothingWritten()
    throw notDelivered('WALR_SEGMENT_CORRUPT', this.#source, this.#onlyZeros ? 'holds only zeros' : 'is too short')
  }

  #check(): WalSegmentSize {
    const header = parseLongPageHeader(this.#head)
    if (typeof header === 'string') throw notDelivered('WALR_SEGMENT_CORRUPT', this.#source, header)
    // Nobody may know the size: then the header's own must at least agree with the name and, later, with the file's size.
    const size = this.#owner.walSegmentSize ?? header.walSegmentSize
    const segment = isWalSegmentSize(size) ? walFileSegment(this.#walFileName, size) : undefined
    if (!isWalSegmentSize(size) || segment === undefined) {
      const why = `is not segment ${this.#walFileName}: its page header says that segments have ${size} bytes`
      throw notDelivered('WALR_WRONG_SEGMENT_SIZE', this.#source, why)
    }
    const check = checkSegmentHeader(this.#head, {
      systemIdentifier: this.#owner.systemIdentifier,
      walSegmentSize: size,
      startLsn: segmentStartLsn(segment.segmentNumber, size),
      timelineId: segment.timelineId,
    })
    switch (check.kind) {
      case 'ok':
        return size
      case 'wrong-cluster':
        throw notDelivered('WALR_WRONG_CLUSTER', this.#source, check.message)
      case 'wrong-segment-size':
        throw notDelivered('WALR_WRONG_SEGMENT_SIZE', this.#source, check.message)
      case 'empty':
        throw notDelivered('WALR_SEGMENT_CORRUPT', this.#source, 'starts with zeros')
      case 'wrong-address':
      case 'wrong-timeline':
      case 'not-wal':
        throw notDelivered('WALR_SEGMENT_CORRUPT', this.#source, check.message)
    }
  }
}

/** The error for a file that PostgreSQL must not get. */
export function notDelivered(
  code: 'WALR_SEGMENT_CORRUPT' | 'WALR_WRONG_CLUSTER' | 'WALR_WRONG_SEGMENT_SIZE' | 'WALR_TIMELINE',
  source: SourceFile,
  what: string,
  cause?: unknown,
): WalrError {
  return new WalrError(code, `file "${source.path}" ${what}`, {
    hint: 'It was not handed to PostgreSQL. Put a good copy in its place.',
    cause,
  })
}

const zeros = Buffer.alloc(65_536)

/** Compares with zeros in large steps: most of a padded segment passes here. */
function isZeros(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length)
    if (zeros.compare(part, 0, part.length, 0, part.length) !== 0) return false
  }
  return true
}
