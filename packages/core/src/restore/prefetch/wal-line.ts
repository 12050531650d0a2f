import type { TimelineHistory } from '../../wal/timeline-history.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import { segmentNumberOf, walFileName, walFileSegment, type WalFileName } from '../../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../../wal/wal-segment-size.ts'

/** A timeline on the way of recovery, and the segments that hold WAL of it. */
interface Stretch {
  readonly timelineId: TimelineId
  readonly first: bigint
  /** The one that holds the switch to the next timeline, or undefined when there is no next one. */
  readonly last: bigint | undefined
}

/** The way that recovery takes through the segments of several timelines. */
export class WalLine {
  readonly timelineId: TimelineId
  readonly #walSegmentSize: WalSegmentSize
  /** Of the whole write-ahead log. */
  readonly #last: bigint
  /** Newest first. */
  readonly #stretches: readonly Stretch[]

  /** `history` is the one of `timelineId`, where the line ends; empty when it is not known. */
  constructor(timelineId: TimelineId, history: TimelineHistory, walSegmentSize: WalSegmentSize) {
    this.timelineId = timelineId
    this.#walSegmentSize = walSegmentSize
    this.#last = 0xffff_ffff_ffff_ffffn / BigInt(walSegmentSize)
    const stretches: Stretch[] = []
    let first = 0n
    for (const entry of history) {
      const last = segmentNumberOf(entry.switchLsn, walSegmentSize)
      stretches.push({ timelineId: entry.timelineId, first, last })
      first = last
    }
    this.#stretches = [...stretches, { timelineId, first, last: undefined }].reverse()
  }

  /**
   * The names under which PostgreSQL looks for a segment, in its order: where timelines meet, the newest comes first, and
   * its parent's only when that is missing. None behind the end of all WAL.
   * @see `XLogFileReadAnyTLI` in `access/transam/xlogrecovery.c`
   */
  namesOf(segmentNumber: bigint): readonly WalFileName[] {
    if (segmentNumber > this.#last) return []
    return this.#stretches
      .filter(({ first, last }) => segmentNumber >= first && (last === undefined || segmentNumber <= last))
      .map(({ timelineId }) => walFileName(timelineId, segmentNumber, this.#walSegmentSize))
  }

  /** The number of a segment; undefined when the line does not lead through it. */
  numberOf(name: WalFileName): bigint | undefined {
    const number = walFileSegment(name, this.#walSegmentSize)?.segmentNumber
    return number !== undefined && this.namesOf(number).includes(name) ? number : undefined
  }
}
