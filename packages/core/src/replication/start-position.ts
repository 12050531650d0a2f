import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'
import type { Seam } from '../wal/seam.ts'
import type { DirectoryStart } from '../wal/streaming-start.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SystemIdentity } from './identify-system.ts'
import type { SlotPosition } from './replication-slot.ts'

/** Where streaming begins, always at a segment's first byte. */
export interface StartPosition {
  readonly timelineId: TimelineId
  readonly startLsn: Lsn
  readonly from: 'directory' | 'archive' | 'slot' | 'server'
}

/** What the start is chosen from. */
export interface StartSources {
  readonly directory: DirectoryStart | undefined
  /** Behind what the archive has; looked for only when the directory does not tell the start. */
  readonly archive?: ArchivePosition | undefined
  /** What the guard slot keeps: all that the archive has not confirmed. */
  readonly guard?: SlotPosition | undefined
  /** Undefined without a slot, or when the server cannot tell. */
  readonly slot: (SlotPosition & { readonly name: string; readonly state: SlotState }) | undefined
  readonly server: SystemIdentity
  readonly walSegmentSize: WalSegmentSize
}

/** Where an archive goes on; the first byte of a segment. */
export interface ArchivePosition {
  readonly timelineId: TimelineId
  readonly startLsn: Lsn
  /** The last WAL in it; undefined when it cannot be read. */
  readonly seam?: Seam | undefined
}

/** Why a slot has no position: it never had one, its WAL was removed, or nobody can tell. */
export type SlotState = 'reserved' | 'never-used' | 'lost' | 'unknown'

/**
 * Chooses the start (law 6): the directory's files, then the archive, the slots, and the server's current position.
 * @throws WalrError WALR_WAL_GAP when the directory is empty and the slot has lost the WAL it had promised to keep.
 */
export function chooseStart(sources: StartSources, logger: Logger): StartPosition {
  const { directory, slot } = sources
  if (!directory) return startWithoutFiles(sources, logger)
  for (const warning of directory.warnings) logger.warning(warning)
  const start: StartPosition = { timelineId: directory.timelineId, startLsn: directory.startLsn, from: 'directory' }
  if (directory.proven) return start
  // A damaged file may be named anything; whoever knows better wants WAL from before it.
  const other = startWithoutFiles({ ...sources, slot: slot?.restartLsn === undefined ? undefined : slot }, logger)
  return other.startLsn < start.startLsn ? other : start
}

function startWithoutFiles(sources: StartSources, logger: Logger): StartPosition {
  const { archive, guard, slot, server, walSegmentSize } = sources
  const guarded = guard?.restartLsn === undefined ? undefined : segmentFloor(guard.restartLsn, walSegmentSize)
  // The guard stands where the archive was complete; objects behind it may have a hole before them.
  if (archive && (guarded === undefined || archive.startLsn <= guarded)) {
    logger.notice(
      `no file tells where to go on; going on behind the archive, at ${formatLsn(archive.startLsn)} (timeline ${archive.timelineId})`,
    )
    return { timelineId: archive.timelineId, startLsn: archive.startLsn, from: 'archive' }
  }
  const kept = lowest([guard, slot])
  if (kept) {
    return {
      timelineId: kept.restartTimelineId ?? server.timelineId,
      startLsn: segmentFloor(kept.restartLsn, walSegmentSize),
      from: 'slot',
    }
  }
  if (slot?.state === 'lost') {
    throw new WalrError(
      'WALR_WAL_GAP',
      `replication slot "${slot.name}" has lost the WAL it kept, and the directory is empty`,
      {
        detail: 'The server removed WAL that the slot needed (max_slot_wal_keep_size or an idle timeout).',
        hint: 'Take a new base backup, then drop the slot and create it again, or run once with --accept-gap.',
      },
    )
  }
  if (slot?.state === 'unknown') {
    logger.warning(`replication slot "${slot.name}" reserves no WAL: it is new, or it has lost what it kept`, {
      hint: 'If it was in use before, WAL is missing: take a new base backup. "walr receive --create-slot" makes slots that reserve WAL at once.',
    })
  }
  return { timelineId: server.timelineId, startLsn: segmentFloor(server.flushLsn, walSegmentSize), from: 'server' }
}

/** Where to go on when a gap is accepted: at what the slot keeps, when that is further on, else at the server's end. */
export function startAfterGap(sources: StartSources, missingFrom: Lsn): StartPosition {
  const { slot, server, walSegmentSize } = sources
  const kept = slot?.restartLsn === undefined ? undefined : segmentFloor(slot.restartLsn, walSegmentSize)
  if (kept !== undefined && kept > missingFrom) {
    return { timelineId: slot?.restartTimelineId ?? server.timelineId, startLsn: kept, from: 'slot' }
  }
  return { timelineId: server.timelineId, startLsn: segmentFloor(server.flushLsn, walSegmentSize), from: 'server' }
}

/** The error for WAL that the server no longer has. */
export function walGap(missingFrom: Lsn, cause: WalrError): WalrError {
  return new WalrError(
    'WALR_WAL_GAP',
    `WAL from ${formatLsn(missingFrom)} on is no longer on the server: ${cause.message}`,
    {
      hint: 'Take a new base backup. Put the missing segments into the directory if another copy has them, or go on behind the gap with --accept-gap.',
      cause,
    },
  )
}

type Keeping = SlotPosition & { readonly restartLsn: Lsn }

/** A guard slot may be younger than the stream's own, and keep less. */
function lowest(slots: readonly (SlotPosition | undefined)[]): Keeping | undefined {
  return slots
    .filter((slot): slot is Keeping => slot?.restartLsn !== undefined)
    .reduce<Keeping | undefined>((low, slot) => (low && low.restartLsn <= slot.restartLsn ? low : slot), undefined)
}

function segmentFloor(lsn: Lsn, walSegmentSize: WalSegmentSize): Lsn {
  return segmentStartLsn(segmentNumberOf(lsn, walSegmentSize), walSegmentSize)
}
