import type { FlushedLsn, Lsn } from '../wal/lsn.ts'

/** Microseconds between 1970-01-01 and 2000-01-01, PostgreSQL's epoch. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n
const STATUS_LENGTH = 34
/** InvalidXLogRecPtr: the server leaves its own value as it is. */
const NOTHING = 0n

/**
 * Builds Standby Status Update messages. The flush position can only be a {@link FlushedLsn}; the apply position is always
 * unset, because nothing is applied here.
 * @see PostgreSQL manual, "Streaming Replication Protocol", Standby Status Update (F)
 */
export class StandbyStatus {
  readonly #buffer = Buffer.alloc(STATUS_LENGTH)

  /** The message; the buffer is reused by the next call. */
  encode(written: Lsn, flushed: FlushedLsn | undefined, replyRequested: boolean): Buffer {
    const buffer = this.#buffer
    buffer[0] = 0x72 // 'r'
    buffer.writeBigUInt64BE(written, 1)
    buffer.writeBigUInt64BE(flushed ?? NOTHING, 9)
    buffer.writeBigUInt64BE(NOTHING, 17)
    buffer.writeBigInt64BE(BigInt(Date.now()) * 1000n - POSTGRES_EPOCH_US, 25)
    buffer[33] = replyRequested ? 1 : 0
    return buffer
  }
}
