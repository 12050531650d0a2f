import type { SegmentEntry } from '../wal/segment-directory.ts'
import type { TimelineId } from '../wal/timeline-id.ts'

/** Something in the receive directory that belongs into the archive. */
export type ArchiveEntry = SegmentItem | HistoryItem | GapItem

/** A finished segment. */
export interface SegmentItem extends SegmentEntry {
  readonly kind: 'segment'
  readonly partial: false
}

/** The history of a timeline; compressed when its name says so. */
export interface HistoryItem {
  readonly kind: 'history'
  readonly fileName: string
  readonly suffix: '' | '.gz' | '.lz4' | '.zst'
  readonly timelineId: TimelineId
}

/** A record of missing WAL, in `.walr/gaps`. */
export interface GapItem {
  readonly kind: 'gap'
  readonly fileName: string
}
