import type { ErrorCode } from '../errors/error-codes.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { FailureKind } from './archive-error.ts'

/** What the archiver is doing. */
export type ArchiveState = 'starting' | 'working' | 'idle' | 'outage' | 'refused' | 'stopped'

/** How far the archive is. Plain data: it is sent between threads and written as JSON. */
export interface ArchiveStatus {
  readonly state: ArchiveState
  /**
   * All WAL before this position that walr received is in the archive, confirmed; undefined until that is known. Moves
   * back when a newer timeline began before it.
   */
  readonly archivedLsn: string | undefined
  /** The timeline on whose way that position is: the newest that walr received. */
  readonly archivedTimelineId: TimelineId | undefined
  /** The last segment that was confirmed. */
  readonly lastArchived: { readonly walFileName: string; readonly at: string } | undefined
  /** Finished segments that are not in the archive yet. */
  readonly backlog: {
    readonly files: number
    readonly bytes: number
    /** Age of the oldest one. */
    readonly seconds: number
  }
  /** Segments archived since walr started. */
  readonly archivedCount: number
  /** Segments whose name is taken by other WAL in the archive. */
  readonly quarantined: readonly string[]
  /** Gaps that the directory has records of, and those that are held. */
  readonly gapCount: number
  /** Of these, gaps without a record: with a guard slot the server may still have the WAL. */
  readonly heldGapCount: number
  /** While a gap is held it comes back with every look at the directory. */
  readonly lastError: ArchiveErrorReport | undefined
}

export interface ArchiveErrorReport {
  readonly code: ErrorCode
  readonly message: string
  readonly at: string
  /** How often in a row. */
  readonly attempts: number
}

export const INITIAL_ARCHIVE_STATUS: ArchiveStatus = {
  state: 'starting',
  archivedLsn: undefined,
  archivedTimelineId: undefined,
  lastArchived: undefined,
  backlog: { files: 0, bytes: 0, seconds: 0 },
  archivedCount: 0,
  quarantined: [],
  gapCount: 0,
  heldGapCount: 0,
  lastError: undefined,
}

/** @param trouble what the storage's trouble is, if it is in any. @param waiting how many segments wait. */
export function archiveState(isStopped: boolean, trouble: FailureKind | undefined, waiting: number): ArchiveState {
  if (isStopped) return 'stopped'
  if (trouble !== undefined) return trouble === 'outage' ? 'outage' : 'refused'
  return waiting > 0 ? 'working' : 'idle'
}
