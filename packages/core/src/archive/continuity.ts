import type { Disk } from '../disk/disk.ts'
import type { Logger } from '../telemetry/logger.ts'
import { recordGap } from '../wal/gap-record.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { SegmentEntry } from '../wal/segment-directory.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentItem } from './archive-entry.ts'
import { isRecorded, type ArchivedGap, type ArchiveInventory, type SegmentRun } from './archive-inventory.ts'
import { lsnRange } from './archive-layout.ts'

export interface ContinuityOptions {
  readonly disk: Disk
  readonly directory: string
  readonly walSegmentSize: WalSegmentSize
  readonly inventory: ArchiveInventory
  /** The ancestors of a timeline as far as the directory knows them. */
  readonly historyOf: (timelineId: TimelineId) => Promise<TimelineHistory | undefined>
  readonly logger: Logger
  readonly now: () => Date
  /** The server keeps for a guard slot what the archive lacks: a hole can still be filled, and is not recorded. */
  readonly guarded: boolean
}

/**
 * Watches that what is archived continues what is in the archive (law 6). Segments that follow one another in the directory
 * need no question; only where a run of them begins the archive is asked for the segment before.
 */
export class Continuity {
  readonly #options: ContinuityOptions
  /** Segments whose predecessor is accounted for, by timeline: where runs begin that were checked, or passed. */
  readonly #accounted = new Set<string>()
  /** The newest segment of the directory, finished or not. */
  newest: SegmentEntry | undefined
  /** Gaps that the directory has records of, on their way to the archive. */
  recorded: readonly ArchivedGap[] = []
  readonly #searched = new Set<TimelineId>()
  #heldLsn: Lsn | undefined
  /** Where runs begin that have not been checked. */
  #open = new Set<string>()
  readonly #vanished: SegmentItem[] = []
  /** What the directory has and the archive lacks: that is on its way, and not missing. */
  #waiting: readonly SegmentItem[] = []

  constructor(options: ContinuityOptions) {
    this.#options = options
  }

  /** The segments of a scan, in order, whose predecessor has to be looked for in the archive. */
  unaccounted(segments: readonly SegmentItem[]): readonly SegmentItem[] {
    this.#waiting = segments
    const open: SegmentItem[] = []
    let before: SegmentItem | undefined
    for (const segment of segments) {
      const follows = before?.timelineId === segment.timelineId && before.segmentNumber === segment.segmentNumber - 1n
      if (!follows && !this.#accounted.has(keyOf(segment))) open.push(segment)
      else this.#accounted.add(keyOf(segment))
      before = segment
    }
    this.#open = new Set(open.map(keyOf))
    return open
  }

  /**
   * To be called before {@link unaccounted}: notes segments of the scan before that are gone without having been confirmed: what follows them was taken to continue
   * them.
   */
  noteVanished(waiting: readonly SegmentItem[], isConfirmed: (fileName: string) => boolean): void {
    const there = new Set(waiting.map(({ fileName }) => fileName))
    for (const segment of this.#waiting) {
      if (!there.has(segment.fileName) && !isConfirmed(segment.fileName)) this.#vanished.push(segment)
    }
  }

  /** Looks for vanished segments in the archive, and reports those that are not there. @throws StorageError */
  async checkVanished(signal: AbortSignal): Promise<void> {
    for (let next = this.#vanished.shift(); next; next = this.#vanished.shift()) {
      const segment = next
      const { timelineId, segmentNumber } = segment
      try {
        // The receiver has moved a damaged one aside, and fetches it again or has done so.
        if (this.#waiting.some((other) => keyOf(other) === keyOf(segment))) continue
        if (this.newest?.timelineId === timelineId && this.newest.segmentNumber <= segmentNumber) continue
        if (await this.#options.inventory.has(timelineId, segmentNumber, signal)) continue
        await this.#report({ timelineId, first: segmentNumber, end: segmentNumber + 1n }, signal)
      } catch (error) {
        this.#vanished.unshift(segment)
        throw error
      }
    }
  }

  /** What follows this segment is accounted for: it is in the archive. */
  archived({ timelineId, segmentNumber }: SegmentItem): void {
    this.#accounted.add(keyOf({ timelineId, segmentNumber: segmentNumber + 1n }))
    this.#accounted.delete(keyOf({ timelineId, segmentNumber }))
  }

  /**
   * Looks for the segment before this one in the archive. When WAL is missing between the two, the gap is recorded and
   * reported, once.
   * @throws StorageError
   */
  async check(segment: SegmentItem, signal: AbortSignal): Promise<void> {
    const hole = await this.#holeBefore(segment.timelineId, segment.segmentNumber, signal)
    if (hole) await this.#report(hole, signal)
    await this.#search(
      segment.timelineId,
      hole?.timelineId === segment.timelineId ? hole.first : segment.segmentNumber,
      signal,
    )
    this.#accounted.add(keyOf(segment))
    this.#open.delete(keyOf(segment))
  }

  /** Whether all questions are answered: until then nobody knows whether the archive is complete up to what is waiting. */
  get isSettled(): boolean {
    return this.#open.size === 0 && this.#vanished.length === 0
  }

  /** With a guard slot: WAL from here on is missing in the archive, and must stay on the server. */
  get heldLsn(): Lsn | undefined {
    return this.#heldLsn
  }

  /** Uploads that were interrupted may have left holes further back; they are looked for once a timeline. */
  async #search(timelineId: TimelineId, end: bigint, signal: AbortSignal): Promise<void> {
    if (this.#searched.has(timelineId)) return
    for (const run of await this.#options.inventory.holesBefore(timelineId, { first: undefined, end }, signal)) {
      for (const hole of this.#withoutWaiting(run)) await this.#report(hole, signal)
    }
    this.#searched.add(timelineId)
  }

  /** The parts of a run that are not on their way. */
  #withoutWaiting({ timelineId, first, end }: SegmentRun): readonly SegmentRun[] {
    const waiting = new Set(this.#waiting.filter((s) => s.timelineId === timelineId).map((s) => s.segmentNumber))
    const holes: SegmentRun[] = []
    for (let number = first; number < end; number += 1n) {
      const last = holes.at(-1)
      if (waiting.has(number)) continue
      if (last?.end === number) holes[holes.length - 1] = { ...last, end: number + 1n }
      else holes.push({ timelineId, first: number, end: number + 1n })
    }
    return holes
  }

  async #holeBefore(
    timelineId: TimelineId,
    segmentNumber: bigint,
    signal: AbortSignal,
  ): Promise<SegmentRun | undefined> {
    const { inventory, walSegmentSize, historyOf } = this.#options
    const waiting = this.#newestWaiting(timelineId, segmentNumber)
    if (segmentNumber === 0n || waiting === segmentNumber - 1n) return undefined
    if (await inventory.has(timelineId, segmentNumber - 1n, signal)) return undefined
    const newest = max(waiting, (await inventory.newest(timelineId, signal, segmentNumber))?.segmentNumber)
    if (newest !== undefined) return { timelineId, first: newest + 1n, end: segmentNumber }
    const parent = (await historyOf(timelineId))?.at(-1)
    // Nothing is known of an earlier time: the archive begins here.
    if (!parent) return undefined
    const switchNumber = segmentNumberOf(parent.switchLsn, walSegmentSize)
    const onParent = await this.#holeBefore(parent.timelineId, switchNumber, signal)
    if (onParent) return { ...onParent, end: segmentNumber }
    if (segmentNumber <= switchNumber) return undefined
    const beganBefore =
      this.#newestWaiting(parent.timelineId, switchNumber + 1n) ??
      (await inventory.newest(parent.timelineId, signal, switchNumber + 1n))
    return beganBefore === undefined ? undefined : { timelineId, first: switchNumber, end: segmentNumber }
  }

  #newestWaiting(timelineId: TimelineId, before: bigint): bigint | undefined {
    return this.#waiting
      .filter((segment) => segment.timelineId === timelineId && segment.segmentNumber < before)
      .reduce<bigint | undefined>((newest, { segmentNumber }) => max(newest, segmentNumber), undefined)
  }

  async #report(hole: SegmentRun, signal: AbortSignal): Promise<void> {
    const { disk, directory, walSegmentSize, inventory, logger, now, guarded } = this.#options
    if (isRecorded([...this.recorded, ...(await inventory.gaps(signal))], hole, walSegmentSize)) return
    const startLsn = segmentStartLsn(hole.first, walSegmentSize)
    const endLsn = segmentStartLsn(hole.end, walSegmentSize)
    const reason = 'neither in the archive nor in the receive directory'
    if (!guarded) await recordGap(disk, directory, { timelineId: hole.timelineId, startLsn, endLsn, reason }, now())
    else if (this.#heldLsn === undefined || startLsn < this.#heldLsn) this.#heldLsn = startLsn
    logger.error(`WAL is missing: ${lsnRange(startLsn, endLsn)} is ${reason}`, {
      code: 'WALR_WAL_GAP',
      hint: guarded
        ? 'The guard slot stays before it: stop walr, move all files out of the receive directory, and start walr again. It goes on where WAL is missing. Or take a new base backup and start once with --accept-gap.'
        : 'Take a new base backup. If another copy has the segments, put them into the directory: they will be archived.',
      fields: { startLsn: startLsn.toString(16), endLsn: endLsn.toString(16), timelineId: hole.timelineId },
    })
  }
}

function max(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a > b ? a : b
}

function keyOf({ timelineId, segmentNumber }: { timelineId: TimelineId; segmentNumber: bigint }): string {
  return `${timelineId}/${segmentNumber}`
}
