import type { Lsn } from '../../wal/lsn.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'

/**
 * A physical replication connection that is logged in. One command at a time; after {@link startReplication} it belongs
 * to the stream until that has ended.
 */
export interface ReplicationConnection {
  /** `server_version_num` style: 150018 for 15.18, taken from the server_version parameter. */
  readonly serverVersionNumber: number
  readonly serverVersion: string
  /** Where we are connected to, for messages: `host "db" (10.0.0.7), port 5432`. */
  readonly peer: string
  /**
   * Runs one simple query and collects its rows as text. Notices go to the log.
   * @throws WalrError WALR_REPLICATION_COMMAND with sqlState for the server's errors, WALR_CONNECTION_LOST.
   */
  query(sql: string): Promise<readonly (readonly (string | null)[])[]>
  /**
   * Sends START_REPLICATION and, once the server agrees, hands every byte of the stream to `sink` until the stream ends.
   * Resolves when the server has closed the stream in an orderly way and is ready for the next command.
   */
  startReplication(request: StartReplication, sink: CopySink): Promise<EndOfStream>
  /** Queues a CopyData message; `payload` is copied before this returns. Only while streaming. */
  sendCopyData(payload: Uint8Array): void
  /** Sends CopyDone once; afterwards XLogData that still arrives is discarded. Only while streaming. */
  sendCopyDone(): void
  /** Ends the connection (Terminate if possible). Idempotent; never rejects. */
  close(): Promise<void>
}

export interface StartReplication {
  readonly slot: string | undefined
  readonly startLsn: Lsn
  readonly timelineId: TimelineId
}

/** How an orderly stream ended: with the next timeline, when the server has no more of this one. */
export interface EndOfStream {
  readonly nextTimelineId: TimelineId | undefined
  readonly nextTimelineStartLsn: Lsn | undefined
}

/**
 * Receives what the server streams, on the receiving thread. Buffers are borrowed: valid until the method returns or the
 * promise it returned settles; the socket is not read meanwhile. A throw or rejection ends the connection and rejects
 * `startReplication` with that error.
 */
export interface CopySink {
  /** CopyBothResponse arrived. */
  onStart(): void
  /**
   * Header of an XLogData message ('w'): position of its first byte as two unsigned 32-bit halves, and the number of
   * payload bytes that follow through {@link onWalData}. `walEnd...` is the server's own end of WAL.
   */
  onWalHeader(startHigh: number, startLow: number, walEndHigh: number, walEndLow: number, payloadLength: number): void
  /** The next bytes of the message's payload: `bytes[offset, offset + length)`. `last` ends the message. */
  onWalData(bytes: Buffer, offset: number, length: number, last: boolean): void | Promise<void>
  /** Keepalive ('k'). The server's end of WAL is no position of ours and must never be acknowledged. */
  onKeepalive(walEndHigh: number, walEndLow: number, replyRequested: boolean): void | Promise<void>
  /** All bytes that one read of the socket gave have been handed over. `dry`: nothing more is waiting. */
  onReadEnd(dry: boolean): void | Promise<void>
  /** The server sent CopyDone. Not called once {@link ReplicationConnection.sendCopyDone} has been. */
  onCopyDone(): void | Promise<void>
}
