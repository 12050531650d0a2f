import type { ArchiveStatus } from '../../archive/archive-status.ts'
import type { Disk } from '../../disk/disk.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { FindArchiveEnd } from '../../replication/start-finder.ts'
import { GuardSlot } from '../../replication/guard-slot.ts'
import type { ReplicationConnection } from '../../replication/connection/replication-connection.ts'
import type { ReceiverStateHolder } from '../../replication/receiver-state.ts'
import type { IdentityGuard } from '../../replication/receive-session.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { readIdentity } from '../../wal/directory-identity.ts'
import { provesIdentity } from '../../wal/identity-proof.ts'
import { parseLsn } from '../../wal/lsn.ts'
import type { ArchiveOptions } from '../receive-options/configured-options.ts'
import type { HttpStatus } from '../serve/http-status.ts'
import { ArchiveThread } from './archive-thread.ts'
import { reportedReceiver, StatusFile } from './status-file.ts'

export interface ReceiveArchiveOptions {
  readonly disk: Disk
  readonly directory: string
  readonly options: ArchiveOptions
  /** The slot of the stream. */
  readonly slot: string | undefined
  readonly guardSlot: string | undefined
  readonly acceptGap: boolean
  readonly connectSql: (signal: AbortSignal) => Promise<ReplicationConnection>
  readonly state: ReceiverStateHolder
  /** For the status; undefined when nothing is served. */
  readonly httpStatus?: (() => HttpStatus | undefined) | undefined
  readonly logger: Logger
  readonly signal: AbortSignal
}

const GUARD_CLOSE_MS = 5000

/** The archive beside a receiver: its thread, the guard slot that follows what it confirms, and the status of both. */
export class ReceiveArchive {
  readonly #options: ReceiveArchiveOptions
  readonly #thread: ArchiveThread
  readonly #guard: GuardSlot | undefined
  readonly #statusFile: StatusFile

  private constructor(options: ReceiveArchiveOptions) {
    const { disk, directory, logger, state, slot, guardSlot, connectSql, signal } = options
    this.#options = options
    this.#thread = new ArchiveThread(
      { directory, ...options.options, guarded: guardSlot !== undefined && !options.acceptGap },
      { logger, onStatus: (status) => this.#onStatus(status) },
    )
    const onStatus = (): void => this.#onGuardStatus()
    this.#guard =
      guardSlot === undefined
        ? undefined
        : new GuardSlot({ name: guardSlot, streamSlot: slot, connectSql, logger, signal, onStatus })
    this.#statusFile = new StatusFile(disk, directory, () => {
      return {
        receiver: reportedReceiver(state.status),
        archive: this.#thread.status,
        guard: this.#guard?.status,
        http: options.httpStatus?.(),
      }
    })
  }

  /**
   * Loads plugins and keys. Archiving begins at once when the directory says whose WAL it holds and its files agree, whether
   * or not its server and the storage are there.
   * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_KEY; the reason of `signal`.
   */
  static async start(options: ReceiveArchiveOptions): Promise<ReceiveArchive> {
    const archive = new ReceiveArchive(options)
    const { cluster, archive: described } = options.options
    try {
      await archive.#thread.start(options.signal)
      options.logger.info(`archiving to "${described.storage.use}" as cluster "${cluster}"`)
      await archive.#beginIfProven()
      return archive
    } catch (error) {
      await archive.stop(0)
      throw error
    }
  }

  /** To be called with each new connection: the guard slot has to keep WAL before any is received. */
  async ensureGuardSlot(): Promise<void> {
    try {
      await this.#guard?.ensure()
    } catch (error) {
      if (!isWalrError(error)) throw error
      throw new WalrError(error.code, `could not ask for the guard slot: ${error.message}`, {
        detail: error.detail,
        hint: 'It is made and moved by SQL: pg_hba.conf has to let walr into an ordinary database ("postgres", or dbname), beside replication.',
        sqlState: error.sqlState,
      })
    }
  }

  /** A guard that also tells the archive whose WAL comes. */
  watch(guard: IdentityGuard): IdentityGuard {
    return {
      check: (server) => guard.check(server),
      keep: async (server) => {
        const { systemIdentifier, walSegmentSize, serverVersion } = server
        const begin = (): void => this.#thread.begin({ systemIdentifier, walSegmentSize, serverVersion })
        try {
          await guard.keep(server)
        } catch (error) {
          // On a full disk only archiving makes room, and each file is checked for whose it is.
          if (isWalrError(error, 'WALR_DISK_FULL')) begin()
          throw error
        }
        begin()
      },
    }
  }

  /** Something in the status that is not the archive's has changed. */
  changed(): void {
    this.#statusFile.changed()
  }

  hint(): void {
    this.#thread.hint()
  }

  readonly findEnd: FindArchiveEnd = (
    { timelineId, history, systemIdentifier, walSegmentSize, serverVersion },
    signal,
  ) => this.#thread.findEnd({ timelineId, history }, { systemIdentifier, walSegmentSize, serverVersion }, signal)

  /** Archives what is there, for at most `drainMs`, and closes everything. */
  async stop(drainMs: number): Promise<void> {
    const { logger } = this.#options
    const { files } = this.#thread.status.backlog
    if (drainMs > 0 && files > 1) {
      logger.info(`archiving the last ${files} files, for at most ${drainMs / 1000} seconds`)
    }
    await this.#thread.stop(drainMs)
    const left = this.#thread.status.backlog.files
    if (left > 0) {
      logger.notice(
        `${left} ${left === 1 ? 'file is' : 'files are'} not archived yet; the next start goes on with them`,
      )
    }
    await this.#guard?.close(GUARD_CLOSE_MS)
    await this.#statusFile.close()
  }

  /** Without a proof nothing is written into the archive before the server was asked. */
  async #beginIfProven(): Promise<void> {
    const { disk, directory, logger } = this.#options
    const identity = await readIdentity(disk, directory)
    if (identity && (await provesIdentity(disk, directory, identity))) this.#thread.begin(identity)
    else logger.info(`archiving begins when the server has said whose WAL "${directory}" holds`)
  }

  #onGuardStatus(): void {
    this.#statusFile.changed()
    const { lsn, trouble } = this.#guard?.status ?? {}
    if (trouble?.code === 'WALR_SLOT_INVALID' || trouble?.code === 'WALR_SLOT_MISSING') this.#thread.setGuardLost(true)
    else if (!trouble && lsn !== undefined) this.#thread.setGuardLost(false)
  }

  #onStatus(status: ArchiveStatus): void {
    this.#statusFile.changed()
    const { archivedTimelineId: timelineId, archivedLsn } = status
    const lsn = archivedLsn === undefined ? undefined : parseLsn(archivedLsn)
    if (lsn !== undefined && timelineId !== undefined) this.#guard?.confirm({ timelineId, lsn })
  }
}
