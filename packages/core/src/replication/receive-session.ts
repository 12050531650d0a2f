import type { Disk } from '../disk/disk.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { CompressionSpec } from '../wal/compression/compression-spec.ts'
import type { DiskRoom } from '../wal/disk-room.ts'
import type { DirectoryIdentity } from '../wal/directory-identity.ts'
import { formatLsn, INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import { SegmentStore } from '../wal/segment-store.ts'
import { SegmentWriter } from '../wal/segment-writer.ts'
import { keepTimelineHistory } from '../wal/timeline-history-file.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { EndOfStream, ReplicationConnection } from './connection/replication-connection.ts'
import {
  identifySystem,
  showFileMode,
  showWalSegmentSize,
  showWalSenderTimeoutMs,
  type SystemIdentity,
} from './identify-system.ts'
import type { ReceiverStateHolder } from './receiver-state.ts'
import { isSlotInvalidated, isSlotMissing, slotMissing } from './replication-slot.ts'
import { checkSeam } from './seam-check.ts'
import { StartFinder, type FindArchiveEnd, type MissingWal } from './start-finder.ts'
import { walGap, type SlotState, type StartPosition, type StartSources } from './start-position.ts'
import { fetchTimelineHistory, isFileMissing } from './timeline-history-command.ts'
import { WalStream } from './wal-stream.ts'

/** What every session of a receiver has in common. */
export interface SessionOptions {
  readonly disk: Disk
  readonly directory: string
  readonly slot: string | undefined
  readonly flush: 'batch' | 'segment'
  readonly sync: boolean
  readonly compression: CompressionSpec
  readonly statusIntervalMs: number
  readonly endpos: Lsn | undefined
  readonly acceptGap: boolean
  readonly room: DiskRoom
  readonly logger: Logger
  readonly state: ReceiverStateHolder
  /** Aborted when the user wants walr to stop. */
  readonly stop: AbortSignal
  /** Whose WAL the directory holds. */
  readonly identity: IdentityGuard
  /** Asks for a slot's state by SQL, on a connection of its own; `unknown` when that is not allowed. */
  readonly probeSlot: (name: string) => Promise<{ readonly state: SlotState; readonly restartLsn: Lsn | undefined }>
  /** A slot that keeps what the archive lacks. */
  readonly guardSlot?: string | undefined
  /** Asks the archive where it ends, when the directory is empty. */
  readonly findArchiveEnd?: FindArchiveEnd | undefined
  /** Told that a segment or a history file got its final name. */
  readonly onFileFinished?: (() => void) | undefined
  /** Told each time that the server has started to stream. */
  readonly onStreaming: () => void
}

/** Ties a directory to a cluster. */
export interface IdentityGuard {
  /** @throws WalrError WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE when the directory is known to be another cluster's. */
  check(server: DirectoryIdentity): Promise<void>
  /** Ties a directory that belongs to nobody yet; to be called when its files have been looked at, too. */
  keep(server: DirectoryIdentity): Promise<void>
}

/** Why a session ended in good order. */
export type SessionEnd = 'end position' | 'interrupted'

/** Errors that are the server's or the network's, and say nothing about walr's files. */
const SERVER_SIDE = ['WALR_CONNECTION_LOST', 'WALR_PROTOCOL', 'WALR_REPLICATION_COMMAND'] as const

/** How the stream of a timeline ended, and where. */
interface StreamedTimeline extends EndOfStream {
  readonly endLsn: Lsn
}

/** What a stream needs of a {@link SegmentStore}. */
type SegmentOpener = Pick<SegmentStore, 'open' | 'prepareNext'>

/** One connection's life as a receiver: who is there, where to start, and stream, timeline after timeline. */
export class ReceiveSession {
  readonly #options: SessionOptions
  readonly #connection: ReplicationConnection

  constructor(connection: ReplicationConnection, options: SessionOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** Streams until the end position, or until `stop` is aborted. Rejects with why it could not go on. */
  async run(): Promise<SessionEnd> {
    const { logger } = this.#options
    const fileMode = await showFileMode(this.#connection)
    const walSegmentSize = await showWalSegmentSize(this.#connection)
    const serverTimeoutMs = await showWalSenderTimeoutMs(this.#connection)
    const server = await identifySystem(this.#connection)
    const identity = { ...server, walSegmentSize, serverVersion: this.#connection.serverVersion }
    await this.#options.identity.check(identity)
    const finder = new StartFinder(this.#connection, this.#options)
    const directory = await finder.readDirectory(server, walSegmentSize)
    await this.#options.identity.keep(identity)
    const proven = directory?.proven === true
    const slot = await finder.readSlot(proven)
    const archive = proven ? undefined : await finder.readArchive(server, identity)
    const guard = proven ? undefined : await finder.readGuardSlot(server)
    const sources: StartSources = { directory, archive, guard, slot, server, walSegmentSize }
    let position = await finder.start(sources)
    if (!this.#isPassed(position)) {
      const seam = proven ? await finder.readSeam(directory, server, walSegmentSize) : archive?.seam
      if (seam) await checkSeam(this.#connection, seam, { server, logger })
    }
    const store = new SegmentStore({ ...this.#options, walSegmentSize, fileMode })
    let damaged = directory
    const opener: SegmentOpener = {
      // A segment is opened for bytes that are there.
      open: async (...segment) => {
        await finder.setAsideDamaged(damaged)
        damaged = undefined
        return store.open(...segment)
      },
      prepareNext: (live) => store.prepareNext(live),
    }
    try {
      await store.prepare()
      for (;;) {
        await this.#keepHistory(position.timelineId, fileMode)
        if (this.#options.stop.aborted) return 'interrupted'
        logger.info(`starting log streaming at ${formatLsn(position.startLsn)} (timeline ${position.timelineId})`)
        if (this.#isPassed(position)) {
          const { startLsn, timelineId } = position
          logger.info(`stopped log streaming at ${formatLsn(startLsn)} (timeline ${timelineId})`)
          return 'end position'
        }
        const streamed = await this.#stream(position, { store: opener, walSegmentSize, serverTimeoutMs, slot, server })
        if (typeof streamed === 'string') return streamed
        if ('missingFrom' in streamed) position = await finder.startBehindGap(sources, position.timelineId, streamed)
        else position = this.#nextTimeline(position, streamed, walSegmentSize)
      }
    } finally {
      await store.close()
    }
  }

  async #keepHistory(timelineId: TimelineId, fileMode: number): Promise<void> {
    if (timelineId === 1) return
    const content = await fetchTimelineHistory(this.#connection, timelineId)
    if (content) {
      await keepTimelineHistory(timelineId, content, { ...this.#options, fileMode })
      this.#options.onFileFinished?.()
    } else this.#options.logger.warning(`the server has no history file of timeline ${timelineId}`)
  }

  async #stream(
    position: StartPosition,
    context: {
      readonly store: SegmentOpener
      readonly walSegmentSize: WalSegmentSize
      readonly serverTimeoutMs: number
      readonly slot: StartSources['slot']
      readonly server: SystemIdentity
    },
  ): Promise<SessionEnd | MissingWal | StreamedTimeline> {
    const { logger, slot, stop, flush, sync } = this.#options
    const { startLsn, timelineId } = position
    const writer = new SegmentWriter(timelineId, startLsn, true, {
      ...context,
      sync,
      logger,
      onSegmentFinished: (endLsn) => {
        logger.info(`finished segment at ${formatLsn(endLsn)} (timeline ${timelineId})`)
        stream.sendStatus(false)
        this.#options.onFileFinished?.()
      },
    })
    const stream = new WalStream({
      ...this.#options,
      ...context,
      connection: this.#connection,
      writer,
      reportFlush: sync && (slot !== undefined || flush === 'batch'),
      reportFrom: context.slot?.restartLsn ?? INVALID_LSN,
      serverLsn: context.server.flushLsn,
    })
    const onStop = (): void => {
      logger.notice('received interrupt signal, exiting')
      // Never rejects: a failure ends the connection, and is the stream's `failure`.
      void stream.stop()
    }
    stop.addEventListener('abort', onStop, { once: true })
    try {
      const end = await this.#connection.startReplication({ slot, startLsn, timelineId }, stream)
      if (stream.failure) throw stream.failure
      if (stream.stopped) return this.#stopped(writer)
      return { ...end, endLsn: writer.writtenLsn }
    } catch (error) {
      await writer.abandon()
      if (stream.failure) throw stream.failure
      // Once everything is durable and reported, how the server ends the stream no longer matters.
      if (stream.stopped && isWalrError(error, ...SERVER_SIDE)) return this.#stopped(writer)
      return this.#refused(error, writer.writtenLsn)
    } finally {
      stop.removeEventListener('abort', onStop)
      stream.dispose()
    }
  }

  #stopped(writer: SegmentWriter): SessionEnd {
    if (this.#options.stop.aborted) return 'interrupted'
    this.#options.logger.info(
      `stopped log streaming at ${formatLsn(writer.writtenLsn)} (timeline ${writer.timelineId})`,
    )
    return 'end position'
  }

  /** Tells errors that mean missing WAL or a missing slot from all others. */
  #refused(error: unknown, missingFrom: Lsn): MissingWal {
    const { slot, acceptGap } = this.#options
    if (slot !== undefined && isSlotMissing(error)) throw slotMissing(slot, error)
    if (!isWalrError(error)) throw error
    if (slot !== undefined && isSlotInvalidated(error, this.#connection.serverVersionNumber)) {
      throw new WalrError('WALR_SLOT_INVALID', `replication slot "${slot}" cannot be used: ${error.message}`, {
        detail: error.detail,
        hint: 'Look at it in pg_replication_slots. A slot that has lost its WAL must be dropped and created again, with a new base backup if WAL is missing afterwards.',
        cause: error,
      })
    }
    if (!isFileMissing(error)) throw error
    if (!acceptGap) throw walGap(missingFrom, error)
    return { missingFrom, cause: error }
  }

  #nextTimeline(position: StartPosition, end: StreamedTimeline, walSegmentSize: WalSegmentSize): StartPosition {
    const { nextTimelineId, nextTimelineStartLsn, endLsn } = end
    if (nextTimelineId === undefined || nextTimelineStartLsn === undefined) {
      throw new WalrError('WALR_CONNECTION_LOST', 'replication stream was terminated before stop point')
    }
    if (nextTimelineId <= position.timelineId) {
      throw new WalrError(
        'WALR_PROTOCOL',
        `server reported unexpected next timeline ${nextTimelineId}, following timeline ${position.timelineId}`,
      )
    }
    if (nextTimelineStartLsn > endLsn) {
      const stopped = `server stopped streaming timeline ${position.timelineId} at ${formatLsn(endLsn)}`
      const begins = `reported next timeline ${nextTimelineId} to begin at ${formatLsn(nextTimelineStartLsn)}`
      throw new WalrError('WALR_PROTOCOL', `${stopped}, but ${begins}`, {
        detail: 'The WAL between the two has not been received, and nothing was written behind it.',
      })
    }
    this.#options.logger.info(`switched to timeline ${nextTimelineId} at ${formatLsn(nextTimelineStartLsn)}`)
    const startLsn = segmentStartLsn(segmentNumberOf(nextTimelineStartLsn, walSegmentSize), walSegmentSize)
    return { timelineId: nextTimelineId, startLsn, from: 'server' }
  }

  #isPassed({ startLsn }: StartPosition): boolean {
    const { endpos } = this.#options
    return endpos !== undefined && endpos < startLsn
  }
}
