import { WalrError } from '../errors/walr-error.ts'

declare const segmentSizeBrand: unique symbol

/** Bytes of a WAL segment: a power of two from 1 MiB to 1 GiB (`wal_segment_size`). */
export type WalSegmentSize = number & { readonly [segmentSizeBrand]: true }

const MIN_BYTES = 1_048_576 // 1 MiB
const MAX_BYTES = 1_073_741_824 // 1 GiB

/** Whether PostgreSQL accepts this number of bytes as a segment size (`IsValidWalSegSize` in `access/xlog_internal.h`). */
export function isWalSegmentSize(bytes: number): bytes is WalSegmentSize {
  return Number.isInteger(bytes) && bytes >= MIN_BYTES && bytes <= MAX_BYTES && (bytes & (bytes - 1)) === 0
}

/**
 * The segment size with this number of bytes.
 * @throws WalrError WALR_WRONG_SEGMENT_SIZE when PostgreSQL knows no such size.
 */
export function toWalSegmentSize(bytes: number): WalSegmentSize {
  if (!isWalSegmentSize(bytes)) {
    throw new WalrError(
      'WALR_WRONG_SEGMENT_SIZE',
      `WAL segment size must be a power of two between 1 MB and 1 GB, but the value is ${bytes} bytes`,
    )
  }
  return bytes
}

/**
 * Reads the answer to `SHOW wal_segment_size`: `16MB`, `1GB`.
 * @throws WalrError WALR_WRONG_SEGMENT_SIZE when it is something else.
 */
export function parseWalSegmentSize(text: string): WalSegmentSize {
  const match = /^(\d+)(MB|GB)$/.exec(text)
  if (!match) throw new WalrError('WALR_WRONG_SEGMENT_SIZE', `WAL segment size could not be parsed: "${text}"`)
  return toWalSegmentSize(Number(match[1]) * (match[2] === 'GB' ? 1_073_741_824 : 1_048_576))
}
