import type { Lsn } from './lsn.ts'

/** The rest of a record that began in an earlier segment, as far as a segment has it. */
export interface RecordHead {
  /** How much of the record was to come (`xlp_rem_len`). */
  readonly length: number
  /** How much of that the segment has. */
  readonly have: number
  /** The first of it: there may be bytes of the record's header among them, which count behind its data. */
  readonly kept: Uint8Array
  /** The register over what follows `kept`, begun with 0. */
  readonly crc: number
  /** The server crashed and gave the record up. */
  readonly isAborted: boolean
}

/** The beginning of a record that a later segment goes on with. */
export interface RecordTail {
  readonly start: Lsn
  /** Of the whole record. */
  readonly length: number
  /** How much of it there is. */
  readonly have: number
  /** The first 24 bytes of it, or what there is of them. */
  readonly header: Uint8Array
  /** The register over what follows the header. */
  readonly crc: number
}

/**
 * How a segment ends: with a record at its very end or one that the next segment continues; with a switch, or zeros, behind its
 * last record; within a record, and zeros behind; or its bytes are not all there.
 */
export type SegmentEnd = 'full' | 'switch' | 'zeros' | 'torn' | 'cut'

/** What the records of a segment are like. */
export interface SegmentRecords {
  readonly startLsn: Lsn
  /** Behind the last byte that was looked at. */
  readonly endLsn: Lsn
  readonly validEndLsn: Lsn
  /** Whole records that began in it. */
  readonly recordCount: number
  readonly head: RecordHead | undefined
  /** The segment begins where a server went on behind a record that it never finished. */
  readonly overwritesOpenRecord: boolean
  /** The first record that begins in it. */
  readonly firstStart: Lsn | undefined
  /** The `xl_prev` of that. */
  readonly firstPrevious: Lsn | undefined
  /** The last whole record that begins in it. */
  readonly lastStart: Lsn | undefined
  readonly tail: RecordTail | undefined
  readonly end: SegmentEnd
  /** Why it could not be followed to its end: the part of a sentence after "the segment". */
  readonly fault: string | undefined
  /** The first byte that should be zero and is not; PostgreSQL does not read it. */
  readonly stray: Lsn | undefined
}
