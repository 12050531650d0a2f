import { WalrError } from '../errors/walr-error.ts'
import { toLsn, type Lsn } from './lsn.ts'
import { formatTimelineId, toTimelineId, type TimelineId } from './timeline-id.ts'
import type { WalSegmentSize } from './wal-segment-size.ts'

declare const walFileNameBrand: unique symbol

/** A segment's file name: 24 upper-case hexadecimal digits (`IsXLogFileName` in `access/xlog_internal.h`). */
export type WalFileName = string & { readonly [walFileNameBrand]: true }

/** Where a segment belongs: `segmentNumber` counts segments from LSN 0, whatever the timeline. */
export interface WalFileSegment {
  readonly timelineId: TimelineId
  readonly segmentNumber: bigint
}

const namePattern = /^[0-9A-F]{24}$/
const historyPattern = /^([0-9A-F]{8})\.history$/
const LOG_FILE_BYTES = 0x1_0000_0000n

/** Whether `text` has the form of a segment's file name; the numbers in it are not looked at. */
export function isWalFileName(text: string): text is WalFileName {
  return namePattern.test(text)
}

/**
 * Reads a file name (`XLogFromFileName`).
 * @returns undefined when no segment of this size has that name: its last eight digits are out of range, or its timeline is 0.
 */
export function walFileSegment(name: WalFileName, walSegmentSize: WalSegmentSize): WalFileSegment | undefined {
  const timelineId = Number.parseInt(name.slice(0, 8), 16)
  const segmentInLog = BigInt(`0x${name.slice(16)}`)
  const perLog = LOG_FILE_BYTES / BigInt(walSegmentSize)
  if (timelineId === 0 || segmentInLog >= perLog) return undefined
  return {
    timelineId: toTimelineId(timelineId),
    segmentNumber: BigInt(`0x${name.slice(8, 16)}`) * perLog + segmentInLog,
  }
}

/**
 * The name of a segment's file (`XLogFileName`).
 * @throws WalrError WALR_INTERNAL when the write-ahead log has no segment of that number.
 */
export function walFileName(
  timelineId: TimelineId,
  segmentNumber: bigint,
  walSegmentSize: WalSegmentSize,
): WalFileName {
  const perLog = LOG_FILE_BYTES / BigInt(walSegmentSize)
  const log = segmentNumber / perLog
  if (segmentNumber < 0n || log > 0xffff_ffffn) {
    throw new WalrError('WALR_INTERNAL', `segment number out of range: ${segmentNumber.toString()}`)
  }
  return `${formatTimelineId(timelineId)}${eightDigits(log)}${eightDigits(segmentNumber % perLog)}` as WalFileName
}

/** The segment that holds the byte at `lsn` (`XLByteToSeg`); a boundary belongs to the segment that starts there. */
export function segmentNumberOf(lsn: Lsn, walSegmentSize: WalSegmentSize): bigint {
  return lsn / BigInt(walSegmentSize)
}

/**
 * The first byte of a segment.
 * @throws WalrError WALR_INTERNAL when the write-ahead log has no segment of that number.
 */
export function segmentStartLsn(segmentNumber: bigint, walSegmentSize: WalSegmentSize): Lsn {
  return toLsn(segmentNumber * BigInt(walSegmentSize))
}

/** Bytes between the start of its segment and `lsn` (`XLogSegmentOffset`). */
export function segmentOffset(lsn: Lsn, walSegmentSize: WalSegmentSize): number {
  return Number(lsn & BigInt(walSegmentSize - 1))
}

/** `00000002.history` (`TLHistoryFileName`). */
export function historyFileName(timelineId: TimelineId): string {
  return `${formatTimelineId(timelineId)}.history`
}

/** @returns the timeline whose history has this name, or undefined when it is not the name of a history file. */
export function parseHistoryFileName(name: string): TimelineId | undefined {
  const digits = historyPattern.exec(name)?.[1]
  const timelineId = digits === undefined ? 0 : Number.parseInt(digits, 16)
  return timelineId === 0 ? undefined : toTimelineId(timelineId)
}

function eightDigits(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, '0')
}
