import { WalrError } from '../errors/walr-error.ts'

declare const lsnBrand: unique symbol
declare const flushedBrand: unique symbol

/**
 * A position in the write-ahead log: an unsigned 64-bit byte number, as PostgreSQL's XLogRecPtr (`access/xlogdefs.h`).
 * Made by {@link parseLsn} and {@link toLsn} only.
 */
export type Lsn = bigint & { readonly [lsnBrand]: true }

/**
 * A position up to which every byte is durable: data synced, and the directory entry of its file too. Only
 * `wal/segment-writer.ts` makes one (law 1); a lint rule refuses the cast everywhere else.
 */
export type FlushedLsn = Lsn & { readonly [flushedBrand]: true }

const MAX_LSN = 0xffff_ffff_ffff_ffffn
const pattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/

/** `0/0`, which PostgreSQL takes as "no position". */
export const INVALID_LSN: Lsn = 0n as Lsn

/**
 * The LSN with this value.
 * @throws WalrError WALR_INTERNAL when it does not fit in 64 unsigned bits.
 */
export function toLsn(value: bigint): Lsn {
  if (value < 0n || value > MAX_LSN) throw new WalrError('WALR_INTERNAL', `LSN out of range: ${value.toString()}`)
  return value as Lsn
}

/**
 * Reads `hi/lo` in hexadecimal, as PostgreSQL prints it.
 * @returns undefined when `text` is not an LSN from beginning to end.
 */
export function parseLsn(text: string): Lsn | undefined {
  const match = pattern.exec(text)
  if (!match) return undefined
  return ((BigInt(`0x${match[1] ?? ''}`) << 32n) | BigInt(`0x${match[2] ?? ''}`)) as Lsn
}

/** `hi/lo` in upper-case hexadecimal without padding: PostgreSQL's `%X/%X`. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}`
}
