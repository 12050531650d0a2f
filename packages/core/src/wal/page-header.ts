import { formatLsn, toLsn, type Lsn } from './lsn.ts'
import { parseSystemIdentifier, type SystemIdentifier } from './system-identifier.ts'
import type { TimelineId } from './timeline-id.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

/** Bytes of the long page header, with which each segment starts (`SizeOfXLogLongPHD`). */
export const LONG_PAGE_HEADER_BYTES = 40

/** The long header of a segment's first page (`XLogLongPageHeaderData` in `access/xlog_internal.h`). */
export interface LongPageHeader {
  readonly magic: number
  /** The major version whose WAL has this magic; undefined for one newer than this table. */
  readonly serverMajor: number | undefined
  /** Flag bits `XLP_*`. */
  readonly info: number
  /** The timeline that was current when the page was written: after a switch in mid segment it is still the old one. */
  readonly timelineId: number
  /** The LSN of the page, hence of the segment. */
  readonly pageAddress: Lsn
  readonly systemIdentifier: SystemIdentifier
  /** As found, not checked. */
  readonly walSegmentSize: number
  /** `XLOG_BLCKSZ`, as found. */
  readonly blockSize: number
}

/** What the first page of a segment should say. What is undefined is not compared. */
export interface ExpectedSegment {
  readonly systemIdentifier?: SystemIdentifier | undefined
  readonly walSegmentSize: WalSegmentSize
  readonly startLsn: Lsn
  /** The timeline in the file's name; the header may hold it or an older one. */
  readonly timelineId?: TimelineId | undefined
}

/** Outcome of {@link checkSegmentHeader}; `message` is the part of a sentence after "the file". */
export type SegmentHeaderCheck =
  | { readonly kind: 'ok'; readonly header: LongPageHeader }
  | { readonly kind: 'empty' }
  | {
      readonly kind: 'wrong-cluster' | 'wrong-segment-size' | 'wrong-address' | 'wrong-timeline' | 'not-wal'
      readonly message: string
    }

const XLP_LONG_HEADER = 0x0002
const MAGIC_FAMILY = 0xd1
const OLDEST_MAGIC = 0xd106
const serverMajors: ReadonlyMap<number, number> = new Map([
  [0xd106, 13],
  [0xd10d, 14],
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
])

/**
 * Reads the first {@link LONG_PAGE_HEADER_BYTES} bytes of a segment, as a little-endian server of PostgreSQL 13 or newer
 * writes them.
 * @returns the header, or what is wrong as the part of a sentence after "the file".
 */
export function parseLongPageHeader(bytes: Uint8Array): LongPageHeader | string {
  if (bytes.length < LONG_PAGE_HEADER_BYTES) return `is too short for a page header: ${bytes.length} bytes`
  const view = new DataView(bytes.buffer, bytes.byteOffset, LONG_PAGE_HEADER_BYTES)
  const magic = view.getUint16(0, true)
  const fault = magicFault(magic)
  if (fault !== undefined) return fault
  const info = view.getUint16(2, true)
  if ((info & XLP_LONG_HEADER) === 0) return 'does not start with the first page of a segment'
  const systemIdentifier = parseSystemIdentifier(view.getBigUint64(24, true).toString())
  if (systemIdentifier === undefined) return 'has no system identifier'
  return {
    magic,
    serverMajor: serverMajors.get(magic),
    info,
    timelineId: view.getUint32(4, true),
    pageAddress: toLsn(view.getBigUint64(8, true)),
    systemIdentifier,
    walSegmentSize: view.getUint32(32, true),
    blockSize: view.getUint32(36, true),
  }
}

/**
 * Compares the beginning of a segment with what its name and directory promise (law 5). `bytes` is the beginning of the
 * file, at least {@link LONG_PAGE_HEADER_BYTES} long; `empty` means that all of it is zero: padded, never written.
 */
export function checkSegmentHeader(bytes: Uint8Array, expected: ExpectedSegment): SegmentHeaderCheck {
  if (bytes.length >= LONG_PAGE_HEADER_BYTES && bytes.every((byte) => byte === 0)) return { kind: 'empty' }
  const header = parseLongPageHeader(bytes)
  if (typeof header === 'string') return { kind: 'not-wal', message: header }
  if (expected.systemIdentifier !== undefined && header.systemIdentifier !== expected.systemIdentifier) {
    return {
      kind: 'wrong-cluster',
      message: `belongs to the cluster ${header.systemIdentifier}, not to ${expected.systemIdentifier}`,
    }
  }
  if (header.walSegmentSize !== expected.walSegmentSize) {
    return {
      kind: 'wrong-segment-size',
      message: `is from a cluster with segments of ${header.walSegmentSize} bytes, not ${expected.walSegmentSize}`,
    }
  }
  if (header.pageAddress !== expected.startLsn) {
    return {
      kind: 'wrong-address',
      message: `starts at ${formatLsn(header.pageAddress)} by its page header, not at ${formatLsn(expected.startLsn)}`,
    }
  }
  if (header.timelineId === 0 || header.timelineId > (expected.timelineId ?? 0xffff_ffff)) {
    return {
      kind: 'wrong-timeline',
      message: `was written on timeline ${header.timelineId}, which cannot be in a file of timeline ${expected.timelineId ?? 'any'}`,
    }
  }
  return { kind: 'ok', header }
}

function magicFault(magic: number): string | undefined {
  if (magic >> 8 === MAGIC_FAMILY && magic >= OLDEST_MAGIC) return undefined
  const found = `0x${magic.toString(16).toUpperCase().padStart(4, '0')}`
  if (magic >> 8 === MAGIC_FAMILY || magic >> 8 === MAGIC_FAMILY - 1) {
    return `was written by a PostgreSQL older than 13 (page magic ${found})`
  }
  if ((magic & 0xff) === MAGIC_FAMILY)
    return `was written by a big-endian server (page magic ${found}), which walr cannot read`
  return `is not WAL: its page magic is ${found}`
}
