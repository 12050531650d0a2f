import type { Storage } from '../plugins/contract/index.ts'
import { INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import { toTimelineId, type TimelineId } from '../wal/timeline-id.ts'
import { segmentStartLsn, walFileName, walFileSegment } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import { parseGapFileName, parseSegmentKey, type ArchiveLayout } from './archive-layout.ts'

/** A segment that the archive has, under whatever suffix. */
export interface ArchivedSegment {
  readonly timelineId: TimelineId
  readonly segmentNumber: bigint
}

/** Consecutive segments, `end` not included. */
export interface SegmentRun {
  readonly timelineId: TimelineId
  readonly first: bigint
  readonly end: bigint
}

/** Missing WAL that is known to be missing. */
export interface ArchivedGap {
  readonly startLsn: Lsn
  readonly endLsn: Lsn
}

/** One past the last segment number that a file name can have, at the smallest segment size. */
const SEGMENT_NUMBERS = 2n ** 44n
/** Holes are looked for so far behind the end; further back lies what an archiver with many failures cannot reach. */
const HOLE_WINDOW = 1000n

/** Answers questions about what is in the archive with few listings; the normal path of archiving asks none. */
export class ArchiveInventory {
  readonly #storage: Storage
  readonly #layout: ArchiveLayout
  readonly #walSegmentSize: WalSegmentSize

  constructor(storage: Storage, layout: ArchiveLayout, walSegmentSize: WalSegmentSize) {
    this.#storage = storage
    this.#layout = layout
    this.#walSegmentSize = walSegmentSize
  }

  /** The highest segment of a timeline below `before`; some 40 short listings however many there are. */
  async newest(timelineId: TimelineId, signal: AbortSignal, before?: bigint): Promise<ArchivedSegment | undefined> {
    const limit = before ?? SEGMENT_NUMBERS
    let found = await this.#firstFrom(timelineId, 0n, signal)
    if (found === undefined || found >= limit) return undefined
    // Invariant: a segment exists at `found` or above it if any does; none is at or above `high`.
    let high = limit
    for (let low = found + 1n; low < high;) {
      const middle = (low + high) / 2n
      const next = await this.#firstFrom(timelineId, middle, signal)
      if (next === undefined || next >= limit) high = middle
      else {
        found = next
        low = next + 1n
      }
    }
    return { timelineId, segmentNumber: found }
  }

  /** Whether the archive has a segment, under any suffix. */
  async has(timelineId: TimelineId, segmentNumber: bigint, signal: AbortSignal): Promise<boolean> {
    return (await this.#firstFrom(timelineId, segmentNumber, signal)) === segmentNumber
  }

  /**
   * The runs of segments that are missing before `end`, near it, behind others that are there; oldest first.
   * @param first the first segment that the timeline should have, when that is known.
   */
  async holesBefore(
    timelineId: TimelineId,
    { first, end }: { readonly first: bigint | undefined; readonly end: bigint },
    signal: AbortSignal,
  ): Promise<readonly SegmentRun[]> {
    const start = end > HOLE_WINDOW ? end - HOLE_WINDOW : 0n
    const holes: SegmentRun[] = []
    let expected = first !== undefined && first >= start ? first : undefined
    for await (const number of this.#segmentsFrom(timelineId, start, signal)) {
      if (number >= end) break
      if (expected !== undefined && number > expected) holes.push({ timelineId, first: expected, end: number })
      if (expected === undefined || number >= expected) expected = number + 1n
    }
    if (expected !== undefined && expected < end) holes.push({ timelineId, first: expected, end })
    return holes
  }

  /** Timelines above `timelineId` that have segments; the first of them. */
  async timelineAbove(timelineId: TimelineId, signal: AbortSignal): Promise<TimelineId | undefined> {
    const startAfter = `${this.#layout.timelinePrefix(timelineId)}~`
    for await (const { key } of this.#storage.list(this.#layout.walPrefix, { startAfter, signal })) {
      const name = parseSegmentKey(key)?.walFileName
      if (name !== undefined) return toTimelineId(Number.parseInt(name.slice(0, 8), 16))
    }
    return undefined
  }

  async gaps(signal: AbortSignal): Promise<readonly ArchivedGap[]> {
    const gaps: ArchivedGap[] = []
    for await (const { key } of this.#storage.list(this.#layout.gapsPrefix, { signal })) {
      const gap = parseGapFileName(key.slice(this.#layout.gapsPrefix.length))
      if (gap) gaps.push(gap)
    }
    return gaps
  }

  async #firstFrom(timelineId: TimelineId, from: bigint, signal: AbortSignal): Promise<bigint | undefined> {
    for await (const number of this.#segmentsFrom(timelineId, from, signal)) return number
    return undefined
  }

  /** Numbers ascending; one that is there under several suffixes comes several times. */
  async *#segmentsFrom(
    timelineId: TimelineId,
    from: bigint,
    signal: AbortSignal,
  ): AsyncGenerator<bigint, void, undefined> {
    const prefix = this.#layout.timelinePrefix(timelineId)
    if (from * BigInt(this.#walSegmentSize) >= 2n ** 64n) return
    // Any suffix of the segment before sorts below '~', and so does that segment itself.
    const startAfter = from === 0n ? undefined : `${prefix}${walFileName(timelineId, from - 1n, this.#walSegmentSize)}~`
    const options = startAfter === undefined ? { signal } : { startAfter, signal }
    for await (const { key } of this.#storage.list(prefix, options)) {
      const name = parseSegmentKey(key)?.walFileName
      const segment = name && walFileSegment(name, this.#walSegmentSize)
      if (segment?.timelineId === timelineId) yield segment.segmentNumber
    }
  }
}

/** Whether a recorded gap covers all of these segments. */
export function isRecorded(gaps: readonly ArchivedGap[], run: SegmentRun, walSegmentSize: WalSegmentSize): boolean {
  const startLsn = segmentStartLsn(run.first, walSegmentSize)
  const endLsn = segmentStartLsn(run.end, walSegmentSize)
  // A record that begins at 0/0 does not say where: it excuses nothing.
  return gaps.some((gap) => gap.startLsn !== INVALID_LSN && gap.startLsn <= startLsn && gap.endLsn >= endLsn)
}
