/** `XLogRecord` and `XLogPageHeaderData` (`access/xlogrecord.h`, `access/xlog_internal.h`), the same from PostgreSQL 13 to 18. */

/** `SizeOfXLogRecord`: the header of a record; its first 4 bytes never stand on two pages. */
export const RECORD_HEADER_BYTES = 24
/** Of `xl_crc`, the last of the header: the checksum covers what is before it, behind the data of the record. */
export const RECORD_CRC_AT = 20
export const RECORD_PREVIOUS_AT = 8
export const RECORD_INFO_AT = 16
/** Records begin at multiples of this (`MAXALIGN`). */
export const RECORD_ALIGNMENT = 8
/** Less than `MaxAllocSize`: no server can read a longer one. */
export const MOST_RECORD_BYTES = 0x3fff_ffff

/** `XLOG_BLCKSZ` is a power of two in between. */
export const LEAST_PAGE_BYTES = 1024
export const MOST_PAGE_BYTES = 65_536
/** `SizeOfXLogShortPHD`. */
export const PAGE_HEADER_BYTES = 24
/** Of `xlp_rem_len`: how much of the record is to come. */
export const PAGE_REST_AT = 16
/** The page begins with the rest of a record that began before it. */
export const XLP_FIRST_IS_CONTRECORD = 0x0001
export const XLP_LONG_HEADER = 0x0002
/** The record that began before it was never finished: the server crashed, and goes on here (since 13.5). */
export const XLP_FIRST_IS_OVERWRITE_CONTRECORD = 0x0008
export const XLP_ALL_FLAGS = 0x000f

const XLOG_RMGR = 0
const XLOG_SWITCH = 0x40
const RMGR_INFO_MASK = 0xf0

/** Whether nothing but zeros follows it in its segment. */
export function isSwitch(info: number, resourceManager: number): boolean {
  return resourceManager === XLOG_RMGR && (info & RMGR_INFO_MASK) === XLOG_SWITCH
}
