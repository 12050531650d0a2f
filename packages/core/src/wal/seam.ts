import { toLsn, type Lsn } from './lsn.ts'
import { LONG_PAGE_HEADER_BYTES } from './page-header.ts'
import type { TimelineId } from './timeline-id.ts'

/** The last WAL that somebody has. A server that is to continue it must have the same there. */
export interface Seam {
  /** Where the bytes are from, for messages. */
  readonly name: string
  readonly timelineId: TimelineId
  /** Position of the first byte. */
  readonly startLsn: Lsn
  /** The last of them is not zero. */
  readonly bytes: Uint8Array
}

/** The default of `XLOG_BLCKSZ`; with another one only the choice of the bytes is another. */
const PAGE = 8192
/** What a disk writes whole or not at all. */
const SECTOR = 512
/** Of `xlp_pageaddr` in `XLogPageHeaderData`. */
const ADDRESS_AT = 8
const ZEROS = Buffer.alloc(PAGE)

/**
 * Finds the last two pages of a segment that have more than a header, without its first header and the zeros behind them.
 * @param chunks the segment's bytes from its beginning; they may end early.
 * @param segment `endLsn`: bytes from here on do not count. `doubtful`: there may be garbage behind the WAL; only a page
 * that is followed by another one with its own address is taken for whole.
 * @returns undefined when no page has more than a header.
 */
export async function findSeam(
  chunks: AsyncIterable<Uint8Array>,
  segment: Omit<Seam, 'bytes'> & { readonly endLsn?: Lsn | undefined; readonly doubtful?: boolean },
): Promise<Seam | undefined> {
  const { name, timelineId, startLsn, endLsn, doubtful = false } = segment
  const limit = endLsn === undefined ? Infinity : Number(endLsn - startLsn)
  const page = Buffer.alloc(PAGE)
  const pair = Buffer.alloc(2 * PAGE)
  let firstOffset = 0
  let endOffset = 0
  let offset = 0
  const endPage = (length: number): void => {
    const pageOffset = offset - length
    if (isHeaderOnly(page.subarray(0, length))) return
    if (doubtful && page.readBigUInt64LE(ADDRESS_AT) !== startLsn + BigInt(pageOffset)) return
    const follows = endOffset > 0 && endOffset === pageOffset
    if (follows) pair.copyWithin(0, PAGE)
    page.copy(pair, PAGE, 0, length)
    firstOffset = follows ? pageOffset - PAGE : pageOffset
    endOffset = offset
  }
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length && offset < limit;) {
      const inPage = offset % PAGE
      const length = Math.min(chunk.length - at, PAGE - inPage, limit - offset)
      page.set(chunk.subarray(at, at + length), inPage)
      at += length
      offset += length
      if (offset % PAGE === 0) endPage(PAGE)
    }
    if (offset >= limit) break
  }
  if (offset % PAGE > 0) endPage(offset % PAGE)
  const hasTwo = endOffset - firstOffset > PAGE
  if (endOffset === 0 || (doubtful && !hasTwo)) return undefined
  const begin = hasTwo ? 0 : PAGE
  const length = doubtful ? PAGE : endOffset - firstOffset
  // A segment's own header is the same on every branch.
  const skipped = firstOffset === 0 ? LONG_PAGE_HEADER_BYTES : 0
  const bytes = withoutZerosAtEnd(pair.subarray(begin + skipped, begin + length))
  return { name, timelineId, startLsn: toLsn(startLsn + BigInt(firstOffset + skipped)), bytes }
}

/**
 * Compares the seam with what a server has there. Zeros at the end of a sector may be bytes that never reached the disk
 * before a loss of power; they say nothing.
 * @param server as many bytes as the seam has, or the first of them.
 * @returns the position of the first byte that differs; undefined when there is none.
 */
export function seamDifference({ startLsn, bytes }: Seam, server: Uint8Array): Lsn | undefined {
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const ours = withoutZerosAtEnd(bytes.subarray(at, at + SECTOR))
    for (const [index, byte] of ours.entries()) {
      if (byte !== server[at + index]) return toLsn(startLsn + BigInt(at + index))
    }
  }
  return undefined
}

function isHeaderOnly(page: Buffer): boolean {
  const rest = page.subarray(LONG_PAGE_HEADER_BYTES)
  return rest.equals(ZEROS.subarray(0, rest.length))
}

function withoutZerosAtEnd(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return bytes.subarray(0, end)
}
