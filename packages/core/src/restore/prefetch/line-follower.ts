import type { TimelineHistory } from '../../wal/timeline-history.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import { walFileSegment, type WalFileName } from '../../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../../wal/wal-segment-size.ts'
import { WalLine } from './wal-line.ts'

/** Knows where recovery is, and which segments come next, from what PostgreSQL was given. */
export class LineFollower {
  #walSegmentSize: WalSegmentSize | undefined
  readonly #histories = new Map<TimelineId, TimelineHistory>()
  /** Of the newest history that was delivered: PostgreSQL reads it to know its way. */
  #target: TimelineId | undefined
  #line: WalLine | undefined
  /** Of the segment behind the last one that was delivered. */
  #next: bigint | undefined

  constructor(walSegmentSize: WalSegmentSize | undefined) {
    this.#walSegmentSize = walSegmentSize
  }

  get walSegmentSize(): WalSegmentSize | undefined {
    return this.#walSegmentSize
  }

  /** PostgreSQL was given the history of a timeline. */
  historyDelivered(timelineId: TimelineId, history: TimelineHistory): void {
    this.#histories.set(timelineId, history)
    this.#target = timelineId
    this.#line = undefined
  }

  /** PostgreSQL was given a finished segment, and goes on behind it. */
  segmentDelivered(name: WalFileName, walSegmentSize: WalSegmentSize): void {
    this.#walSegmentSize = walSegmentSize
    const segment = walFileSegment(name, walSegmentSize)
    if (segment === undefined) return
    if (this.#targetLine(walSegmentSize)?.numberOf(name) === undefined) {
      // It goes another way than the history says: it may have found that the history is not of its own past.
      this.#target = segment.timelineId
      this.#line = undefined
    }
    this.#next = segment.segmentNumber + 1n
  }

  /** Whether this is the segment that was to come. */
  expects(name: WalFileName): boolean {
    return this.#next !== undefined && this.namesAhead(1)[0]?.includes(name) === true
  }

  /** The next segments, each with the names that PostgreSQL tries for it, in its order. */
  namesAhead(count: number): readonly (readonly WalFileName[])[] {
    const next = this.#next
    const line = this.#walSegmentSize && this.#targetLine(this.#walSegmentSize)
    if (next === undefined || line === undefined) return []
    const names = Array.from({ length: count }, (_, index) => line.namesOf(next + BigInt(index)))
    return names.filter(({ length }) => length > 0)
  }

  #targetLine(walSegmentSize: WalSegmentSize): WalLine | undefined {
    if (this.#target === undefined) return undefined
    this.#line ??= new WalLine(this.#target, this.#histories.get(this.#target) ?? [], walSegmentSize)
    return this.#line
  }
}
