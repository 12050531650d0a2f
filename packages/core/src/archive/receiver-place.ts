import type { ArchivedSegment } from './archive-inventory.ts'
import type { DirectoryScan } from './archive-queue.ts'
import type { SegmentRun } from './segment-runs.ts'

/**
 * Where the receiver is, as its open file tells: at the newest unfinished segment, or further on. It receives everything from
 * there on, in order: what the archive lacks there is not missing.
 */
export class ReceiverPlace {
  /** Undefined until an open segment was seen. */
  readonly at: ArchivedSegment | undefined

  constructor(at?: ArchivedSegment) {
    this.at = at
  }

  /** Where it is by a newer scan. Between two segments there is no open file: then it is at the last one that was seen. */
  after({ unfinished }: Pick<DirectoryScan, 'unfinished'>): ReceiverPlace {
    const newest = unfinished.at(-1)
    return newest ? new ReceiverPlace(newest) : this
  }

  /** Whether some of the segments before this end may be received yet; false when nobody has seen the receiver. */
  isYetToReceive({ timelineId, end }: Pick<SegmentRun, 'timelineId' | 'end'>): boolean {
    if (!this.at) return false
    return timelineId === this.at.timelineId ? end >= this.at.segmentNumber : timelineId > this.at.timelineId
  }

  /** Whether the receiver cannot have come to this segment yet. */
  isFarBefore({ timelineId, segmentNumber }: ArchivedSegment): boolean {
    if (!this.at) return false
    if (timelineId !== this.at.timelineId) return timelineId > this.at.timelineId
    return segmentNumber > this.at.segmentNumber + 1n
  }
}
