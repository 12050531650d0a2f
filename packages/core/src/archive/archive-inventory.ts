import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { isStorageError, type Storage } from '../plugins/contract/index.ts'
import { INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import { parseTimelineHistory, type TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { historyFileName, segmentStartLsn, walFileName, walFileSegment } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import { parseGapFileName, parseSegmentKey, type ArchiveLayout } from './archive-layout.ts'
import type { NumberRun, SegmentRun } from './segment-runs.ts'
import { getSmallObject } from './small-object.ts'

/** A segment that the archive has, under whatever suffix. */
export interface ArchivedSegment {
  readonly timelineId: TimelineId
  readonly segmentNumber: bigint
}

/** Missing WAL that is known to be missing. */
export interface ArchivedGap {
  readonly startLsn: Lsn
  readonly endLsn: Lsn
}

/** One past the last segment number that a file name can have, at the smallest segment size. */
const SEGMENT_NUMBERS = 2n ** 44n

/** Answers questions about what is in the archive; the normal path of archiving asks none. */
export class ArchiveInventory {
  readonly #storage: Storage
  readonly #layout: ArchiveLayout
  readonly #walSegmentSize: WalSegmentSize
  readonly #nowMs: () => number

  /** @param nowMs a clock that only goes forwards, in milliseconds. */
  constructor(
    storage: Storage,
    layout: ArchiveLayout,
    walSegmentSize: WalSegmentSize,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#storage = storage
    this.#layout = layout
    this.#walSegmentSize = walSegmentSize
    this.#nowMs = nowMs
  }

  /**
   * The highest segment of a timeline below `before`: one listing of a storage that reads all of a folder for each, some 40
   * short ones of a storage that begins anywhere, however many segments there are.
   */
  async newest(timelineId: TimelineId, signal: AbortSignal, before?: bigint): Promise<ArchivedSegment | undefined> {
    const limit = before ?? SEGMENT_NUMBERS
    // Mostly it is the one right before.
    if (before !== undefined && before > 0n && (await this.has(timelineId, before - 1n, signal))) {
      return { timelineId, segmentNumber: before - 1n }
    }
    let found: bigint | undefined
    let middle = 0n
    // Invariant: `found` is the highest below `low`; none is at or above `high`.
    for (let low = 0n, high = limit; low < high; middle = (low + high) / 2n) {
      const { highest, isAll } = await this.#readOn(timelineId, { from: middle, end: high }, signal)
      found = highest ?? found
      if (highest === undefined) high = middle
      else if (isAll) break
      else low = highest + 1n
    }
    return found === undefined ? undefined : { timelineId, segmentNumber: found }
  }

  /**
   * The highest segment that a listing gives which is read on for as long as its first entry took: what a storage has at hand
   * by then costs nothing, and another listing would cost as much again.
   */
  async #readOn(
    timelineId: TimelineId,
    { from, end }: { readonly from: bigint; readonly end: bigint },
    signal: AbortSignal,
  ): Promise<{ readonly highest: bigint | undefined; readonly isAll: boolean }> {
    const begunMs = this.#nowMs()
    let readOnUntilMs: number | undefined
    let highest: bigint | undefined
    for await (const number of this.#segmentsFrom(timelineId, from, signal)) {
      if (number >= end) break
      highest = number
      const nowMs = this.#nowMs()
      readOnUntilMs ??= nowMs + (nowMs - begunMs)
      if (nowMs > readOnUntilMs) return { highest, isAll: false }
    }
    return { highest, isAll: true }
  }

  /** Whether the archive has a segment, under any suffix. */
  async has(timelineId: TimelineId, segmentNumber: bigint, signal: AbortSignal): Promise<boolean> {
    return (await this.#firstFrom(timelineId, segmentNumber, signal)) === segmentNumber
  }

  /** The lowest segment of a timeline. */
  first(timelineId: TimelineId, signal: AbortSignal): Promise<bigint | undefined> {
    return this.#firstFrom(timelineId, 0n, signal)
  }

  /** The runs of segments that are there from `from` to before `end`, oldest first; lists all of them. */
  async runs(
    timelineId: TimelineId,
    { from, end }: { readonly from: bigint; readonly end: bigint },
    signal: AbortSignal,
  ): Promise<readonly NumberRun[]> {
    const runs: NumberRun[] = []
    for await (const number of this.#segmentsFrom(timelineId, from, signal)) {
      if (number >= end) break
      const last = runs.at(-1)
      if (last === undefined || number > last.end) runs.push({ first: number, end: number + 1n })
      else if (number === last.end) runs[runs.length - 1] = { first: last.first, end: number + 1n }
    }
    return runs
  }

  /** Timelines above `timelineId` that have segments; the first of them. */
  timelineAbove(timelineId: TimelineId, signal: AbortSignal): Promise<TimelineId | undefined> {
    return this.#firstTimeline(`${this.#layout.timelinePrefix(timelineId)}~`, signal)
  }

  /** Timelines that have segments, in order; one listing for each. */
  async timelines(signal: AbortSignal): Promise<readonly TimelineId[]> {
    const found: TimelineId[] = []
    let next = await this.#firstTimeline(undefined, signal)
    while (next !== undefined) {
      found.push(next)
      next = await this.timelineAbove(next, signal)
    }
    return found
  }

  /**
   * The history of a timeline; undefined when the archive has none.
   * @throws WalrError WALR_TIMELINE when it is malformed; StorageError.
   */
  async history(timelineId: TimelineId, signal: AbortSignal): Promise<TimelineHistory | undefined> {
    const key = this.#layout.historyKey(historyFileName(timelineId))
    try {
      const content = await getSmallObject(this.#storage, key, signal)
      return parseTimelineHistory(timelineId, content.toString('utf8'))
    } catch (error) {
      if (isStorageError(error, 'NotFound')) return undefined
      if (!isWalrError(error)) throw error
      const hint = 'Compare it with the file in pg_wal of the servers of that time. Move a damaged object away.'
      throw new WalrError(error.code, `in the archive: ${error.message}`, { detail: `The object is "${key}".`, hint })
    }
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

  async #firstTimeline(startAfter: string | undefined, signal: AbortSignal): Promise<TimelineId | undefined> {
    const options = startAfter === undefined ? { signal } : { startAfter, signal }
    for await (const { key } of this.#storage.list(this.#layout.walPrefix, options)) {
      const name = parseSegmentKey(key)?.walFileName
      const segment = name && walFileSegment(name, this.#walSegmentSize)
      if (segment) return segment.timelineId
    }
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
