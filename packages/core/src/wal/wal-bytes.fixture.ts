import { toLsn, type Lsn } from './lsn.ts'
import { parseSystemIdentifier, type SystemIdentifier } from './system-identifier.ts'
import { toTimelineId, type TimelineId } from './timeline-id.ts'
import { walFileName } from './wal-file-name.ts'
import { toWalSegmentSize, type WalSegmentSize } from './wal-segment-size.ts'

/** The smallest segment size there is: 1 MiB. */
export const SEGMENT: WalSegmentSize = toWalSegmentSize(1_048_576)
export const TIMELINE_1: TimelineId = toTimelineId(1)
export const CLUSTER: SystemIdentifier = identifier('7710455225707828463')
export const OTHER_CLUSTER: SystemIdentifier = identifier('7710454860644512687')

/** The first byte of a segment, for tests that count in segments. */
export function segmentLsn(segmentNumber: number, offset = 0): Lsn {
  return toLsn(BigInt(segmentNumber) * BigInt(SEGMENT) + BigInt(offset))
}

/** A segment's file name on timeline 1, or another one. */
export function segmentName(segmentNumber: number, timelineId = 1): string {
  return walFileName(toTimelineId(timelineId), BigInt(segmentNumber), SEGMENT)
}

/**
 * A whole segment of invented WAL: a first page header as PostgreSQL 15 writes it, and then bytes that are different at
 * each position of the log.
 */
export function segmentBytes(segmentNumber: number, cluster = CLUSTER, timelineId = 1): Buffer {
  const words = new Uint32Array(SEGMENT / 4)
  const first = (segmentNumber * SEGMENT) % 0x1_0000_0000
  for (let index = 0; index < words.length; index += 1) words[index] = first + index * 4 + 1
  const bytes = Buffer.from(words.buffer)
  bytes.writeUInt16LE(0xd110, 0)
  bytes.writeUInt16LE(0x0002, 2)
  bytes.writeUInt32LE(timelineId, 4)
  bytes.writeBigUInt64LE(BigInt(segmentNumber) * BigInt(SEGMENT), 8)
  bytes.writeUInt32LE(0, 16)
  bytes.writeUInt32LE(0, 20)
  bytes.writeBigUInt64LE(BigInt(cluster), 24)
  bytes.writeUInt32LE(SEGMENT, 32)
  bytes.writeUInt32LE(8192, 36)
  return bytes
}

/** WAL of timeline 1 from `start` on, across segments. */
export function walBytes(start: Lsn, length: number): Buffer {
  const firstSegment = Number(start / BigInt(SEGMENT))
  const offset = Number(start % BigInt(SEGMENT))
  const count = Math.ceil((offset + length) / SEGMENT)
  const segments = Array.from({ length: count }, (_, index) => cached(firstSegment + index))
  return Buffer.concat(segments).subarray(offset, offset + length)
}

const cache = new Map<number, Buffer>()

function cached(segmentNumber: number): Buffer {
  const known = cache.get(segmentNumber)
  if (known) return known
  const bytes = segmentBytes(segmentNumber)
  cache.set(segmentNumber, bytes)
  return bytes
}

function identifier(text: string): SystemIdentifier {
  const parsed = parseSystemIdentifier(text)
  if (parsed === undefined) throw new Error(`no system identifier: ${text}`)
  return parsed
}
