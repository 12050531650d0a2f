import type { FlushedLsn, Lsn } from '../wal/lsn.ts'

/** 2000-01-01, PostgreSQL's epoch. */
const POSTGRES_EPOCH_MS = 946_684_800_000
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
  /** Writes 64 bits in one call; Buffer's own methods write them byte by byte. */
  readonly #view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, STATUS_LENGTH)

  /** The message; the buffer is reused by the next call. */
  encode(written: Lsn, flushed: FlushedLsn | undefined, replyRequested: boolean): Buffer {
    const view = this.#view
    view.setUint8(0, 0x72) // 'r'
    view.setBigUint64(1, written)
    view.setBigUint64(9, flushed ?? NOTHING)
    view.setBigUint64(17, NOTHING)
    const sentUs = (Date.now() - POSTGRES_EPOCH_MS) * 1000
    view.setInt32(25, Math.floor(sentUs / 2 ** 32))
    view.setUint32(29, sentUs % 2 ** 32)
    view.setUint8(33, replyRequested ? 1 : 0)
    return this.#buffer
  }
}
