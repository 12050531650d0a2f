import { join } from 'node:path'
import type { TreeDisk } from '../disk/disk.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentItem } from './archive-entry.ts'
import type { ArchiveStatus } from './archive-status.ts'
import { isOnLine, sharedEnd, type NewestLine } from './newest-line.ts'

interface Waiting {
  readonly segment: SegmentItem
  readonly startLsn: Lsn
  readonly size: number
  readonly sinceMs: number
}

/** All WAL before it on the way to this timeline that was received is archived. */
export interface ArchivedPosition {
  readonly timelineId: TimelineId
  readonly lsn: Lsn
}

/**
 * The finished segments that are not in the archive yet, and how far the archive is without a hole on the way to the
 * newest timeline. Segments of branches that were left do not count for that.
 */
export class Backlog {
  readonly #disk: TreeDisk
  readonly #directory: string
  readonly #walSegmentSize: WalSegmentSize
  #waiting = new Map<string, Waiting>()
  #all = this.#ascending([])
  /** Those on the line. */
  #counted = this.#ascending([])
  /** Those of which nobody knows whether they are on the line. */
  #doubtful = this.#ascending([])
  #bytes = 0
  /** Names that were confirmed while files are being looked at. */
  readonly #confirmedMeanwhile = new Set<string>()
  #line: NewestLine | undefined
  #confirmedEndLsn: Lsn | undefined
  #reachedLsn: Lsn | undefined
  #settledLsn: Lsn | undefined

  constructor(disk: TreeDisk, directory: string, walSegmentSize: WalSegmentSize) {
    this.#disk = disk
    this.#directory = directory
    this.#walSegmentSize = walSegmentSize
  }

  get count(): number {
    return this.#waiting.size
  }

  /** Takes the segments that a scan found unconfirmed. @param line that of the newest timeline, if there is one. */
  async update(segments: readonly SegmentItem[], line: NewestLine | undefined): Promise<void> {
    const next = new Map<string, Waiting>()
    this.#confirmedMeanwhile.clear()
    for (const segment of segments) {
      next.set(segment.fileName, this.#waiting.get(segment.fileName) ?? (await this.#look(segment)))
    }
    for (const fileName of this.#confirmedMeanwhile) next.delete(fileName)
    this.#waiting = next
    this.#bytes = [...next.values()].reduce((sum, { size }) => sum + size, 0)
    if (line) this.#follow(line)
    const all = [...next.values()].toSorted((a, b) => (a.startLsn < b.startLsn ? -1 : 1))
    this.#all = this.#ascending(all)
    this.#counted = this.#ascending(all.filter(({ segment }) => this.#isOnLine(segment) === true))
    this.#doubtful = this.#ascending(all.filter(({ segment }) => this.#isOnLine(segment) === undefined))
    this.#advance(this.#counted.first()?.startLsn)
  }

  /** The storage has confirmed a segment. */
  confirmed(segment: SegmentItem): void {
    this.#bytes -= this.#waiting.get(segment.fileName)?.size ?? 0
    this.#waiting.delete(segment.fileName)
    this.#confirmedMeanwhile.add(segment.fileName)
    if (this.#isOnLine(segment) === true) {
      const endLsn = segmentStartLsn(segment.segmentNumber + 1n, this.#walSegmentSize)
      if (this.#confirmedEndLsn === undefined || endLsn > this.#confirmedEndLsn) this.#confirmedEndLsn = endLsn
    }
    // Segments are confirmed in any order, and reported in theirs.
    this.#advance(this.#counted.first()?.startLsn ?? this.#confirmedEndLsn)
  }

  report(nowMs: number): ArchiveStatus['backlog'] {
    const seconds = Math.max(0, Math.round((nowMs - (this.#all.first()?.sinceMs ?? nowMs)) / 1000))
    return { files: this.#waiting.size, bytes: this.#bytes, seconds }
  }

  /**
   * How far the archive is; moves back only when a newer timeline began before it. Undefined until something says so.
   * @param isSettled whether it is known that nothing is missing before what waits; as long as it is not, nothing advances.
   * @param heldLsn WAL from here on is missing, whatever was archived behind it.
   */
  position(isSettled: boolean, heldLsn?: Lsn): ArchivedPosition | undefined {
    if (isSettled) this.#settledLsn = lower(this.#reachedLsn, heldLsn)
    const lsn = this.#settledLsn
    return this.#line && lsn !== undefined ? { timelineId: this.#line.timelineId, lsn } : undefined
  }

  async #look(segment: SegmentItem): Promise<Waiting> {
    const found = await this.#disk.stat(join(this.#directory, segment.fileName))
    return {
      segment,
      startLsn: segmentStartLsn(segment.segmentNumber, this.#walSegmentSize),
      size: found?.size ?? 0,
      // Its last bytes were written when it was finished.
      sinceMs: found?.modifiedAt.getTime() ?? Infinity,
    }
  }

  /** What was archived of another timeline counts up to where the new one has left it. */
  #follow(line: NewestLine): void {
    const before = this.#line?.timelineId
    this.#line = line
    if (before === undefined || before === line.timelineId) return
    const sharedEndLsn = sharedEnd(line, before, this.#walSegmentSize)
    const upToThere = (lsn: Lsn | undefined): Lsn | undefined =>
      sharedEndLsn === undefined ? undefined : lower(lsn, sharedEndLsn)
    this.#reachedLsn = upToThere(this.#reachedLsn)
    this.#settledLsn = upToThere(this.#settledLsn)
    this.#confirmedEndLsn = undefined
  }

  #isOnLine(segment: SegmentItem): boolean | undefined {
    return this.#line && isOnLine(this.#line, segment, this.#walSegmentSize)
  }

  #advance(lsn: Lsn | undefined): void {
    const certain = lower(lsn, this.#doubtful.first()?.startLsn)
    if (certain === undefined) return
    if (this.#reachedLsn === undefined || certain > this.#reachedLsn) this.#reachedLsn = certain
  }

  #ascending(waiting: readonly Waiting[]): Ascending {
    return new Ascending(waiting, ({ segment }) => this.#waiting.has(segment.fileName))
  }
}

/** Segments by position; those that do not wait any more are skipped. */
class Ascending {
  readonly #waiting: readonly Waiting[]
  readonly #isWaiting: (waiting: Waiting) => boolean
  #first = 0

  constructor(waiting: readonly Waiting[], isWaiting: (waiting: Waiting) => boolean) {
    this.#waiting = waiting
    this.#isWaiting = isWaiting
  }

  first(): Waiting | undefined {
    for (; this.#first < this.#waiting.length; this.#first += 1) {
      const waiting = this.#waiting[this.#first]
      if (waiting && this.#isWaiting(waiting)) return waiting
    }
    return undefined
  }
}

/** Undefined when there is no position; `limit` lowers it. */
function lower(lsn: Lsn | undefined, limit: Lsn | undefined): Lsn | undefined {
  return lsn !== undefined && limit !== undefined && limit < lsn ? limit : lsn
}
