import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { formatLsn, toLsn } from '../wal/lsn.ts'
import { seamDifference, type Seam } from '../wal/seam.ts'
import type { CopySink, ReplicationConnection } from './connection/replication-connection.ts'
import type { SystemIdentity } from './identify-system.ts'
import { isFileMissing } from './timeline-history-command.ts'

/**
 * Makes sure that the server continues what walr has: the same system identifier and timeline are those of a clone or of
 * a server that was put back to an earlier state, too. Nothing was written when this rejects.
 * @throws WalrError WALR_SERVER_BEHIND when the server has not come so far, WALR_SEGMENT_CONFLICT when it has other WAL
 * there.
 */
export async function checkSeam(
  connection: ReplicationConnection,
  seam: Seam,
  { server, logger }: { readonly server: SystemIdentity; readonly logger: Logger },
): Promise<void> {
  const endLsn = toLsn(seam.startLsn + BigInt(seam.bytes.length))
  if (seam.timelineId === server.timelineId && endLsn > server.flushLsn) {
    throw new WalrError(
      'WALR_SERVER_BEHIND',
      `the server's WAL ends at ${formatLsn(server.flushLsn)}, and walr has it up to ${formatLsn(endLsn)} already`,
      {
        detail: `"${seam.name}" is further on timeline ${seam.timelineId} than ${connection.peer}.`,
        hint: 'A standby that lags catches up. A server that was restored to an earlier moment, or is a copy, needs a receive directory and a cluster name of its own.',
      },
    )
  }
  const reader = new SeamReader(connection, seam.bytes.length)
  try {
    await connection.startReplication({ slot: undefined, startLsn: seam.startLsn, timelineId: seam.timelineId }, reader)
  } catch (error) {
    if (!isFileMissing(error)) throw error
    logger.info(
      `the server no longer has the WAL before ${formatLsn(endLsn)}; it cannot be compared with "${seam.name}"`,
    )
    return
  }
  const differs = seamDifference(seam, reader.bytes)
  if (differs === undefined) return
  throw new WalrError(
    'WALR_SEGMENT_CONFLICT',
    `the server does not continue "${seam.name}": it has other WAL at ${formatLsn(differs)} (timeline ${seam.timelineId})`,
    {
      detail: `${connection.peer} has the same system identifier and timeline, but another history. Nothing was written.`,
      hint: 'It is a copy of the cluster, or was restored to an earlier moment. Give it a receive directory and a cluster name of its own, and take a new base backup.',
    },
  )
}

/** Takes the first bytes of a stream, and ends it. */
class SeamReader implements CopySink {
  readonly #connection: ReplicationConnection
  readonly #bytes: Buffer
  #length = 0

  constructor(connection: ReplicationConnection, length: number) {
    this.#connection = connection
    this.#bytes = Buffer.alloc(length)
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  onStart(): void {
    // What counts comes with the data.
  }

  onWalHeader(): void {
    // The server sends from where it was asked to.
  }

  onWalData(bytes: Buffer, offset: number, length: number): void {
    const taken = Math.min(length, this.#bytes.length - this.#length)
    bytes.copy(this.#bytes, this.#length, offset, offset + taken)
    this.#length += taken
    if (taken > 0 && this.#length === this.#bytes.length) this.#connection.sendCopyDone()
  }

  onKeepalive(): void {
    // It is over before the server needs an answer.
  }

  onReadEnd(): void {
    // Nothing is written, so nothing is flushed.
  }

  onCopyDone(): void {
    // The end of a timeline that the server has left.
  }
}
