import type { Lsn } from '../wal/lsn.ts'
import type { SegmentEntry } from '../wal/segment-directory.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentItem } from './archive-entry.ts'
import { isRecorded, type ArchivedGap } from './archive-inventory.ts'
import { isOnLine, sharedEnd, type NewestLine } from './newest-line.ts'

/** All WAL before it on the way to this timeline that was received is archived. */
export interface ArchivedPosition {
  readonly timelineId: TimelineId
  readonly lsn: Lsn
}

/** What a look at the directory found. */
export interface SegmentsThere {
  /** Finished, and not known to be in the archive. */
  readonly waiting: readonly SegmentItem[]
  /** Finished, and in the archive. */
  readonly confirmed: readonly SegmentItem[]
  /** Oldest first. */
  readonly unfinished: readonly SegmentEntry[]
  /** Gaps that the directory has records of. */
  readonly gaps: readonly ArchivedGap[]
}

/**
 * How far the archive is without a hole on the way to the newest timeline. Segments of branches that were left do not
 * count. It begins at what waits first, and goes on over what is confirmed and follows: a file proves nothing by its name.
 */
export class ArchivedFrontier {
  readonly #walSegmentSize: WalSegmentSize
  #line: NewestLine | undefined
  #waiting: readonly SegmentItem[] = []
  #gaps: readonly ArchivedGap[] = []
  /** Segments that this process has archived; their files may be gone. */
  #archived = new Map<string, SegmentItem>()
  /** Segments that waited and are gone. */
  #vanished: readonly SegmentItem[] = []
  /** What there is on the line. */
  #segments = new Map<bigint, 'waiting' | 'confirmed'>()
  /** Waiting segments of which nobody knows whether they are on the line. */
  #doubtful = new Map<string, bigint>()
  /** Where receiving goes on, as unfinished files tell. */
  #open: bigint | undefined
  /** The first segment that is not archived as far as is known. */
  #next: bigint | undefined
  /** Whether the archive was asked for what comes before the beginning. */
  #isProven = false
  #reached: bigint | undefined

  constructor(walSegmentSize: WalSegmentSize) {
    this.#walSegmentSize = walSegmentSize
  }

  /** @param line that of the newest timeline, if there is one. */
  update(there: SegmentsThere, line: NewestLine | undefined): void {
    const names = new Set(there.waiting.map(({ fileName }) => fileName))
    const gone = this.#waiting.filter(({ fileName }) => !names.has(fileName) && !this.#archived.has(fileName))
    this.#waiting = there.waiting
    this.#gaps = there.gaps
    if (line) this.#follow(line)
    this.#archived = new Map([...this.#archived].filter(([, segment]) => this.#mayMatter(segment)))
    this.#vanished = [...this.#vanished, ...gone].filter((segment) => this.#mayMatter(segment))
    this.#segments = new Map()
    for (const segment of [...this.#archived.values(), ...there.confirmed]) this.#take(segment, 'confirmed')
    for (const segment of there.waiting) this.#take(segment, 'waiting')
    const doubtful = there.waiting.filter((segment) => this.#isOnLine(segment) === undefined)
    this.#doubtful = new Map(doubtful.map(({ fileName, segmentNumber }) => [fileName, segmentNumber]))
    this.#open = this.#firstOpen(there.unfinished)
    if (!this.#isProven) this.#next = this.#beginning()
  }

  /** The storage has confirmed a segment. */
  confirmed(segment: SegmentItem): void {
    this.#archived.set(segment.fileName, segment)
    this.#take(segment, 'confirmed')
    this.#doubtful.delete(segment.fileName)
  }

  /**
   * Moves back only when a newer timeline began before it. Undefined until something says how far the archive is.
   * @param isSettled whether it is known that nothing is missing before what waits; until it is once, there is no position.
   * @param heldLsn WAL from here on is missing, whatever was archived behind it.
   */
  position(isSettled: boolean, heldLsn?: Lsn): ArchivedPosition | undefined {
    if (isSettled && this.#next !== undefined) this.#isProven = true
    if (!this.#line || this.#next === undefined || !this.#isProven) return undefined
    this.#next = this.#endFrom(this.#next, isSettled)
    const certain = [...this.#doubtful.values()].reduce(lower, this.#next)
    if (this.#reached === undefined || certain > this.#reached) this.#reached = certain
    const lsn = segmentStartLsn(this.#reached, this.#walSegmentSize)
    return { timelineId: this.#line.timelineId, lsn: heldLsn !== undefined && heldLsn < lsn ? heldLsn : lsn }
  }

  /** What was archived of another timeline counts up to where the new one has left it. */
  #follow(line: NewestLine): void {
    const before = this.#line?.timelineId
    this.#line = line
    if (before === undefined || before === line.timelineId) return
    const sharedEndLsn = sharedEnd(line, before, this.#walSegmentSize)
    const end = sharedEndLsn === undefined ? undefined : segmentNumberOf(sharedEndLsn, this.#walSegmentSize)
    const upToThere = (number: bigint | undefined): bigint | undefined =>
      number === undefined || end === undefined ? undefined : lower(number, end)
    this.#next = upToThere(this.#next)
    this.#reached = upToThere(this.#reached)
    this.#isProven &&= this.#next !== undefined
  }

  /** Not behind the position, nor on a branch that was left. */
  #mayMatter(segment: SegmentItem): boolean {
    if (this.#next === undefined || !this.#isProven) return true
    return segment.segmentNumber >= this.#next && this.#isOnLine(segment) !== false
  }

  #take(segment: SegmentItem, state: 'waiting' | 'confirmed'): void {
    if (this.#isOnLine(segment) === true && this.#mayMatter(segment)) this.#segments.set(segment.segmentNumber, state)
  }

  /** As receiving does it: of open segments that follow one another the first was never finished. */
  #firstOpen(unfinished: readonly SegmentEntry[]): bigint | undefined {
    const open = unfinished.filter((entry) => this.#isOnLine(entry) === true).map(({ segmentNumber }) => segmentNumber)
    let first = highest(open)
    while (first !== undefined && open.includes(first - 1n) && !this.#segments.has(first - 1n)) first -= 1n
    return first
  }

  /** Before what waits first, or was archived first, or is open; or behind what is in the archive before that. */
  #beginning(): bigint | undefined {
    const archived = [...this.#archived.values()].filter((segment) => this.#isOnLine(segment) === true)
    const waiting = this.#waiting.filter((segment) => this.#isOnLine(segment) === true)
    const first = lowest([...archived, ...waiting].map(({ segmentNumber }) => segmentNumber))
    if (first === undefined) return undefined
    const beginning = this.#open === undefined ? first : lower(first, this.#open)
    const before = highest([...this.#segments.keys()].filter((number) => number < beginning))
    return before === undefined ? beginning : before + 1n
  }

  #endFrom(start: bigint, isSettled: boolean): bigint {
    for (let next = start; ;) {
      if (this.#segments.get(next) === 'confirmed') next += 1n
      else {
        const behind = this.#behindHole(next, isSettled)
        if (behind === undefined) return next
        next = behind
      }
    }
  }

  /** The archived segment behind a hole of which it is known that nothing will come into it. */
  #behindHole(hole: bigint, isSettled: boolean): bigint | undefined {
    if (this.#segments.has(hole)) return undefined
    const end = lowest([...this.#segments.keys()].filter((number) => number > hole))
    if (end === undefined) return undefined
    const isOpen = this.#open !== undefined && this.#open >= hole && this.#open < end
    if (isOpen || this.#segments.get(end) !== 'confirmed') return undefined
    for (let number = hole; number < end; number += 1n) {
      if (!this.#isRecorded(number) && !(isSettled && this.#hasVanished(number))) return undefined
    }
    return end
  }

  #isRecorded(number: bigint): boolean {
    if (!this.#line) return false
    const run = { timelineId: this.#line.timelineId, first: number, end: number + 1n }
    return isRecorded(this.#gaps, run, this.#walSegmentSize)
  }

  /** Once everything is settled the archive was asked for it. */
  #hasVanished(number: bigint): boolean {
    return this.#vanished.some((segment) => segment.segmentNumber === number && this.#isOnLine(segment) === true)
  }

  #isOnLine(segment: SegmentEntry): boolean | undefined {
    return this.#line && isOnLine(this.#line, segment, this.#walSegmentSize)
  }
}

function lower(one: bigint, other: bigint): bigint {
  return other < one ? other : one
}

function lowest(numbers: readonly bigint[]): bigint | undefined {
  return numbers.length === 0 ? undefined : numbers.reduce(lower)
}

function highest(numbers: readonly bigint[]): bigint | undefined {
  return numbers.length === 0 ? undefined : numbers.reduce((one, other) => (other > one ? other : one))
}
