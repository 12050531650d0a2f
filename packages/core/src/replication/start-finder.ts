import type { Disk } from '../disk/disk.ts'
import { isWalrError, type WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { setAsideDamaged } from '../wal/damaged-segments.ts'
import { recordGap } from '../wal/gap-record.ts'
import { formatLsn, INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import { listSegments } from '../wal/segment-directory.ts'
import { segmentFault } from '../wal/segment-proof.ts'
import { findStreamingStart, type DirectoryStart } from '../wal/streaming-start.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'
import { identifySystem, type SystemIdentity } from './identify-system.ts'
import { readSlot } from './replication-slot.ts'
import {
  chooseStart,
  startAfterGap,
  walGap,
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
}

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
    const content = server.timelineId > 1 ? await fetchTimelineHistory(this.#connection, server.timelineId) : undefined
    const history =
      server.timelineId === 1 ? [] : content && parseTimelineHistory(server.timelineId, content.toString('utf8'))
    const expected = { systemIdentifier: server.systemIdentifier, walSegmentSize }
    return findStreamingStart(entries, { timelineId: server.timelineId, history }, walSegmentSize, (entry) =>
      segmentFault(disk, directory, entry, expected),
    )
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
