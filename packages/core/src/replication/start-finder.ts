import { setTimeout as delay } from 'node:timers/promises'
import type { Disk } from '../disk/disk.ts'
import { isWalrError, type WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { setAsideDamaged } from '../wal/damaged-segments.ts'
import { recordGap } from '../wal/gap-record.ts'
import { formatLsn, INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import { readSeam } from '../wal/read-seam.ts'
import type { Seam } from '../wal/seam.ts'
import { listSegments } from '../wal/segment-directory.ts'
import { segmentFault } from '../wal/segment-proof.ts'
import { findStreamingStart, type DirectoryStart } from '../wal/streaming-start.ts'
import type { DirectoryIdentity } from '../wal/directory-identity.ts'
import { parseTimelineHistory, switchLsnOf, timelineHolding, type TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'
import { identifySystem, type SystemIdentity } from './identify-system.ts'
import { readSlot, type SlotPosition } from './replication-slot.ts'
import {
  chooseStart,
  startAfterGap,
  walGap,
  type ArchivePosition,
  type SlotState,
  type StartPosition,
  type StartSources,
} from './start-position.ts'
import { fetchTimelineHistory } from './timeline-history-command.ts'

export interface StartFinderOptions {
  readonly disk: Disk
  readonly directory: string
  readonly slot: string | undefined
  readonly acceptGap: boolean
  readonly logger: Logger
  /** Asks for a slot's state by SQL, on a connection of its own; `unknown` when that is not allowed. */
  readonly probeSlot: (name: string) => Promise<{ readonly state: SlotState; readonly restartLsn: Lsn | undefined }>
  /** A slot that keeps what the archive lacks. */
  readonly guardSlot?: string | undefined
  /** Asks the archive where it ends, on the way of this server; undefined when it has no WAL of it. */
  readonly findArchiveEnd?: FindArchiveEnd | undefined
  /** How long an archive that cannot be reached is asked before the start is chosen without it. */
  readonly archiveTimeoutMs?: number
  /** Aborted when the user wants walr to stop. */
  readonly stop: AbortSignal
}

export type FindArchiveEnd = (server: ServerWay, signal: AbortSignal) => Promise<ArchivePosition | undefined>

/** Whose WAL is looked for, and along which timelines. */
export interface ServerWay extends DirectoryIdentity {
  readonly timelineId: TimelineId
  /** Undefined when the server does not tell. */
  readonly history: TimelineHistory | undefined
}

const ARCHIVE_TIMEOUT_MS = 30_000
const ARCHIVE_RETRY_MS = 1000
/** A server that refuses a login too often may lock us out. */
const ARCHIVE_RETRY_DOUBLINGS = 3

/** The server has told that it no longer has the WAL from here on. */
export interface MissingWal {
  readonly missingFrom: Lsn
  readonly cause: WalrError
}

/** Finds where a session has to begin: reads directory and slot, and goes on behind a gap where that is allowed. */
export class StartFinder {
  readonly #connection: ReplicationConnection
  readonly #options: StartFinderOptions

  constructor(connection: ReplicationConnection, options: StartFinderOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** What the files of the directory say; undefined when it has no segment. */
  async readDirectory(server: SystemIdentity, walSegmentSize: WalSegmentSize): Promise<DirectoryStart | undefined> {
    const { disk, directory } = this.#options
    const entries = await listSegments(disk, directory, walSegmentSize)
    if (entries.length === 0) return undefined
    const history = await this.#readHistory(server.timelineId)
    const expected = { systemIdentifier: server.systemIdentifier, walSegmentSize }
    return findStreamingStart(entries, { timelineId: server.timelineId, history }, walSegmentSize, (entry) =>
      segmentFault(disk, directory, entry, expected),
    )
  }

  /** The last WAL that the directory has on the way of this server. */
  async readSeam(
    { newest }: DirectoryStart,
    server: SystemIdentity,
    walSegmentSize: WalSegmentSize,
  ): Promise<Seam | undefined> {
    const { disk, directory } = this.#options
    const { timelineId } = newest
    const isCurrent = timelineId === server.timelineId
    const history = isCurrent ? [] : await this.#readHistory(server.timelineId)
    const endLsn = history && switchLsnOf(history, timelineId)
    if (!isCurrent && endLsn === undefined) return undefined
    return readSeam(disk, directory, newest, { walSegmentSize, endLsn })
  }

  /**
   * What the archive says; to be asked when the directory is empty. An archive that cannot be reached is asked again for a
   * while; then the start is chosen without it, with a warning: commits may be waiting.
   * @throws WalrError WALR_TIMELINE when the archive's timelines are not those of the server, or nobody can tell.
   */
  async readArchive(server: SystemIdentity, identity: DirectoryIdentity): Promise<ArchivePosition | undefined> {
    const { findArchiveEnd, logger, stop, archiveTimeoutMs = ARCHIVE_TIMEOUT_MS } = this.#options
    if (!findArchiveEnd) return undefined
    const history = await this.#readHistory(server.timelineId)
    logger.info('the directory is empty; asking the archive where it ends')
    const deadline = AbortSignal.timeout(archiveTimeoutMs)
    const signal = AbortSignal.any([stop, deadline])
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await findArchiveEnd({ ...identity, timelineId: server.timelineId, history }, signal)
      } catch (error) {
        stop.throwIfAborted()
        if (isWalrError(error, 'WALR_TIMELINE', 'WALR_INTERNAL')) throw error
        const reason = error instanceof Error ? error.message : String(error)
        if (attempt === 1) logger.warning(`the directory is empty and the archive cannot be asked: ${reason}`)
        const pauseMs = ARCHIVE_RETRY_MS * 2 ** Math.min(attempt - 1, ARCHIVE_RETRY_DOUBLINGS)
        await delay(pauseMs, undefined, { signal }).catch(() => undefined)
        stop.throwIfAborted()
        if (!deadline.aborted) continue
        logger.warning('choosing the start without the archive', {
          code: 'WALR_ARCHIVE_UNAVAILABLE',
          detail: `The directory is empty, and the archive could not be asked for ${archiveTimeoutMs / 1000} s: ${reason}`,
          hint: 'If WAL is missing behind what the archive has, walr reports and records the gap when the archive is back.',
        })
        return undefined
      }
    }
  }

  /** What the guard slot keeps; undefined without one, or when it cannot be read. */
  async readGuardSlot(server: SystemIdentity): Promise<SlotPosition | undefined> {
    const { guardSlot, probeSlot } = this.#options
    if (guardSlot === undefined) return undefined
    const { state, restartLsn } = await probeSlot(guardSlot)
    // Asked by command, a slot that PostgreSQL 18 gave up for its idleness still tells where it stood.
    if (state === 'unknown') return readSlot(this.#connection, guardSlot)
    const history = await this.#readHistory(server.timelineId)
    const restartTimelineId = restartLsn && history && timelineHolding(server.timelineId, history, restartLsn)
    return { restartLsn, restartTimelineId }
  }

  /** What the slot says; undefined without a slot. @throws WalrError WALR_SLOT_MISSING */
  async readSlot(haveFiles: boolean): Promise<StartSources['slot']> {
    const { slot: name, probeSlot, logger } = this.#options
    if (name === undefined) return undefined
    const slot = await readSlot(this.#connection, name)
    if (slot?.restartLsn !== undefined) return { ...slot, name, state: 'reserved' }
    // A server that cannot be asked by command is asked by SQL only when there is no other way to know the start.
    if (!slot && haveFiles) return { restartLsn: undefined, restartTimelineId: undefined, name, state: 'unknown' }
    const { restartLsn, state } = await probeSlot(name)
    if (state === 'lost' && haveFiles) {
      logger.warning(
        `replication slot "${name}" has lost the WAL it kept, and the server may keep none for it any more`,
        {
          hint: 'Drop the slot and create it again.',
        },
      )
    }
    return { restartLsn, restartTimelineId: undefined, name, state }
  }

  /** Undefined when the server does not tell. */
  async #readHistory(timelineId: TimelineId): Promise<TimelineHistory | undefined> {
    if (timelineId === 1) return []
    const content = await fetchTimelineHistory(this.#connection, timelineId)
    return content && parseTimelineHistory(timelineId, content.toString('utf8'))
  }

  /** Where to begin. */
  async start(sources: StartSources): Promise<StartPosition> {
    const { acceptGap, disk, directory, logger } = this.#options
    try {
      return chooseStart(sources, logger)
    } catch (error) {
      if (!acceptGap || !isWalrError(error, 'WALR_WAL_GAP')) throw error
      const next = startAfterGap(sources, INVALID_LSN)
      // Nobody knows where it begins: the slot has forgotten, and there is no file.
      const gap = { timelineId: next.timelineId, startLsn: INVALID_LSN, endLsn: next.startLsn, reason: error.message }
      await recordGap(disk, directory, gap, new Date())
      logger.warning(`going on behind a gap: ${error.message}`, { code: error.code, hint: this.#afterGapHint() })
      return next
    }
  }

  /**
   * Moves damaged files out of the way of what comes in their place, and keeps them. To be called when the server sends
   * that and not before: until then they alone say where the directory ends.
   */
  async setAsideDamaged(found: DirectoryStart | undefined): Promise<void> {
    const { disk, directory, logger } = this.#options
    for (const { from, to } of await setAsideDamaged(disk, directory, found?.damaged ?? [])) {
      logger.warning(`moved the damaged file "${from}" to "${to}"; it is received again`)
    }
  }

  /** PostgreSQL 16 and 17 stream from a slot that was invalidated, but keep no WAL for it any more. */
  #afterGapHint(): string {
    const backup = 'Take a new base backup: the ones before the gap cannot be recovered past it.'
    const { slot } = this.#options
    if (slot === undefined) return backup
    return `${backup} If the server has invalidated slot "${slot}", drop it and create it again: it may keep no WAL any more.`
  }

  /** Goes on where there is WAL again, and records what is missing. */
  async startBehindGap(
    sources: StartSources,
    timelineId: TimelineId,
    { missingFrom, cause }: MissingWal,
  ): Promise<StartPosition> {
    const server = await identifySystem(this.#connection)
    const next = startAfterGap({ ...sources, server }, missingFrom)
    if (next.startLsn <= missingFrom) {
      // The same position again would be refused again, at once; a newer timeline has a segment of its own there.
      if (next.timelineId === timelineId) throw walGap(missingFrom, cause)
      return next
    }
    const { disk, directory, logger } = this.#options
    const gap = {
      timelineId: next.timelineId,
      startLsn: missingFrom,
      endLsn: next.startLsn,
      reason: 'removed from the server',
    }
    await recordGap(disk, directory, gap, new Date())
    logger.warning(
      `going on behind a gap: WAL from ${formatLsn(missingFrom)} to ${formatLsn(next.startLsn)} is missing`,
      {
        code: 'WALR_WAL_GAP',
        hint: this.#afterGapHint(),
      },
    )
    return next
  }
}
