import { finishCrc32c, joinCrc32c, updateCrc32c } from './crc32c.ts'
import { formatLsn, type Lsn } from './lsn.ts'
import type { RecordHead, RecordTail, SegmentRecords } from './record-edges.ts'
import { isSwitch, RECORD_CRC_AT, RECORD_HEADER_BYTES, RECORD_INFO_AT, RECORD_PREVIOUS_AT } from './record-format.ts'

/** Where the records of one segment end, and those of the next one have to go on. */
export interface ChainEnd {
  /** The first byte of the next segment. */
  readonly nextLsn: Lsn
  /** The last whole record; undefined when it is not known. */
  readonly lastStart: Lsn | undefined
  /** A record that the next segment has to continue. */
  readonly open: OpenRecord | undefined
  /** There are zeros behind the last record, and no switch of segments: nothing can follow. */
  readonly endedAt: Lsn | undefined
}

/** A record that has begun. */
export interface OpenRecord extends RecordTail {
  /** Where the record before it begins; undefined when that is not known. */
  readonly previous: Lsn | undefined
}

/** What does not fit where two segments meet. */
export interface ChainFault {
  readonly lsn: Lsn
  /** A clause: `the record at 0/30000D8 is not continued`. */
  readonly what: string
}

/** A segment's records, seen behind those before it. */
export interface FollowedSegment {
  readonly fault: ChainFault | undefined
  /** A record that began before it ends in it, and is good. */
  readonly hasJoinedRecord: boolean
  /** Undefined when what follows cannot be checked against this segment. */
  readonly end: ChainEnd | undefined
}

/**
 * Checks the records on the edge between two segments: the one that is on both has the right checksum, none is missing its
 * other half, and the chain of `xl_prev` goes on.
 * @param before the end of the segment before; undefined when that is not there, or damaged.
 */
export function followSegment(before: ChainEnd | undefined, records: SegmentRecords): FollowedSegment {
  if (before?.nextLsn !== records.startLsn) {
    return { fault: undefined, hasJoinedRecord: false, end: endOf(records, undefined, undefined) }
  }
  const { open, lastStart, endedAt } = before
  if (endedAt !== undefined) {
    const what = `WAL ends at ${formatLsn(endedAt)} with zeros, although the next segment is there`
    return faulty({ lsn: endedAt, what }, records)
  }
  const joined = joinRecords(open, records)
  if (typeof joined === 'string') {
    const lsn = open?.start ?? records.startLsn
    return faulty({ lsn, what: joined }, records)
  }
  const last = joined?.isWhole === true ? joined.record.start : lastStart
  const fault = (joined && recordFault(joined)) ?? previousFault(last, records)
  if (fault !== undefined) return faulty(fault, records)
  return { fault: undefined, hasJoinedRecord: joined?.isWhole === true, end: endOf(records, last, joined) }
}

function faulty(fault: ChainFault, records: SegmentRecords): FollowedSegment {
  return { fault, hasJoinedRecord: false, end: endOf(records, undefined, undefined) }
}

interface JoinedRecord {
  readonly record: OpenRecord
  readonly isWhole: boolean
}

/** @returns undefined when no record is on the edge; a clause when what is there does not fit. */
function joinRecords(
  open: OpenRecord | undefined,
  { head, overwritesOpenRecord, startLsn }: SegmentRecords,
): JoinedRecord | string | undefined {
  if (open === undefined) {
    if (head === undefined) return undefined
    return `the segment at ${formatLsn(startLsn)} begins with the rest of a record, and none is open before it`
  }
  if (head === undefined) {
    if (overwritesOpenRecord) return undefined
    return `the record at ${formatLsn(open.start)} is not continued in the next segment`
  }
  const toCome = open.length - open.have
  if (head.length !== toCome) {
    return `the record at ${formatLsn(open.start)} has ${toCome} bytes to come, and the next segment continues one that has ${head.length}`
  }
  if (head.isAborted) return undefined
  const record = join(open, head)
  return { record, isWhole: record.have === record.length }
}

function join(open: OpenRecord, { have, kept, crc }: RecordHead): OpenRecord {
  const lacking = Math.min(RECORD_HEADER_BYTES - open.header.length, kept.length)
  const header = Buffer.concat([open.header, kept.subarray(0, lacking)])
  const view = new DataView(kept.buffer, kept.byteOffset, kept.length)
  const register = updateCrc32c(open.crc, kept, view, lacking, kept.length)
  return { ...open, have: open.have + have, header, crc: joinCrc32c(register, crc, have - kept.length) }
}

/** What is wrong with a record that was on the edge. */
function recordFault({ record, isWhole }: JoinedRecord): ChainFault | undefined {
  const { header, start, previous, crc } = record
  const view = new DataView(header.buffer, header.byteOffset, header.length)
  if (previous !== undefined && view.getBigUint64(RECORD_PREVIOUS_AT, true) !== previous) {
    return { lsn: start, what: `the record at ${formatLsn(start)} does not follow the one at ${formatLsn(previous)}` }
  }
  if (!isWhole) return undefined
  const whole = finishCrc32c(updateCrc32c(crc, header, view, 0, RECORD_CRC_AT))
  if (whole === view.getUint32(RECORD_CRC_AT, true)) return undefined
  return {
    lsn: start,
    what: `the record at ${formatLsn(start)}, which reaches into the next segment, has a wrong checksum`,
  }
}

function previousFault(
  last: Lsn | undefined,
  { firstPrevious, firstStart, startLsn }: SegmentRecords,
): ChainFault | undefined {
  if (last === undefined || firstPrevious === undefined || firstPrevious === last) return undefined
  const lsn = firstStart ?? startLsn
  return {
    lsn,
    what: `the first record of the segment at ${formatLsn(startLsn)} follows one at ${formatLsn(firstPrevious)}, and the last one before it is at ${formatLsn(last)}`,
  }
}

/** @param last the last record before those that begin in the segment. */
function endOf(records: SegmentRecords, last: Lsn | undefined, joined: JoinedRecord | undefined): ChainEnd | undefined {
  const { head, tail, end } = records
  if (records.fault !== undefined || end === 'cut') return undefined
  const lastStart = records.lastStart ?? last
  const isAllHead = head !== undefined && head.have < head.length && !head.isAborted
  // Of a record that is longer than what is known nobody can check the end.
  if (isAllHead && joined === undefined && end === 'full') return undefined
  const open = tail ? { ...tail, previous: lastStart } : joined?.isWhole === false ? joined.record : undefined
  const switched = end === 'full' || end === 'switch' || (joined?.isWhole === true && isSwitchRecord(joined.record))
  return {
    nextLsn: records.endLsn,
    lastStart,
    open: switched ? open : undefined,
    endedAt: switched ? undefined : records.validEndLsn,
  }
}

function isSwitchRecord({ header }: OpenRecord): boolean {
  return isSwitch(header[RECORD_INFO_AT] ?? 0, header[RECORD_INFO_AT + 1] ?? 0)
}
