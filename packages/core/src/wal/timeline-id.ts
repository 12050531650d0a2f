import { WalrError } from '../errors/walr-error.ts'

declare const timelineBrand: unique symbol

/** A timeline's number, 1 to 2^32 - 1 (`TimeLineID` in `access/xlogdefs.h`). */
export type TimelineId = number & { readonly [timelineBrand]: true }

/**
 * The timeline with this number.
 * @throws WalrError WALR_TIMELINE when it is no whole number from 1 to 4294967295.
 */
export function toTimelineId(value: number): TimelineId {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff_ffff) {
    throw new WalrError('WALR_TIMELINE', `not a timeline: ${value}`)
  }
  return value as TimelineId
}

/** Eight upper-case hexadecimal digits, the way file names start. */
export function formatTimelineId(timelineId: TimelineId): string {
  return timelineId.toString(16).toUpperCase().padStart(8, '0')
}
