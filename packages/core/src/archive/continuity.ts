import type { Disk } from '../disk/disk.ts'
import type { Logger } from '../telemetry/logger.ts'
import { recordGap } from '../wal/gap-record.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { SegmentEntry } from '../wal/segment-directory.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { historyFileName, segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentItem } from './archive-entry.ts'
import { isRecorded, type ArchivedGap, type ArchivedSegment, type ArchiveInventory } from './archive-inventory.ts'
import { lsnRange, parseGapFileName } from './archive-layout.ts'
import type { DirectoryScan } from './archive-queue.ts'
import { guessLine } from './line-guess.ts'
import { searchLine, type SearchDepth } from './line-search.ts'
import type { SegmentRun } from './segment-runs.ts'
import { stretchesOf, type TimelineLine } from './timeline-line.ts'

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
 * need no question; only where a run of them begins the archive is looked at before, along all its timelines.
 */
export class Continuity {
  readonly #options: ContinuityOptions
  /** Segments whose predecessor is accounted for, by timeline: where runs begin that were checked, or passed. */
  readonly #accounted = new Set<string>()
  /** The newest segment of the directory, finished or not. */
  #newest: SegmentEntry | undefined
  /** Gaps that the directory has records of, on their way to the archive. */
  #recorded: readonly ArchivedGap[] = []
  /** Gaps that this process has told of. */
  readonly #told: ArchivedGap[] = []
  /** Timelines whose unknown history was told of. */
  readonly #guessed = new Set<TimelineId>()
  #newestChecked: SegmentItem | undefined
  #isSearched = false
  /** One report at a time: two checks may have found the same hole. */
  #reporting: Promise<void> = Promise.resolve()
  #heldLsn: Lsn | undefined
  /** Where runs begin that have not been checked. */
  #open = new Set<string>()
  readonly #vanished: SegmentItem[] = []
  /** What the directory has and the archive lacks: that is on its way, and not missing. */
  #waiting: readonly SegmentItem[] = []

  constructor(options: ContinuityOptions) {
    this.#options = options
  }

  /**
   * Takes a scan.
   * @param open its unconfirmed segments, in order.
   * @returns those before which the archive has to be looked at.
   */
  update(
    scan: DirectoryScan,
    open: readonly SegmentItem[],
    isConfirmed: (fileName: string) => boolean,
  ): readonly SegmentItem[] {
    this.#noteVanished(open, isConfirmed)
    this.#newest = scan.newest
    this.#recorded = recordedGaps(scan)
    this.#waiting = open
    return this.#unaccounted(open)
  }

  #unaccounted(segments: readonly SegmentItem[]): readonly SegmentItem[] {
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
   * Segments of the scan before that are gone without having been confirmed: what follows them was taken to continue them.
   */
  #noteVanished(waiting: readonly SegmentItem[], isConfirmed: (fileName: string) => boolean): void {
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
        if (this.#newest?.timelineId === timelineId && this.#newest.segmentNumber <= segmentNumber) continue
        if (await this.#options.inventory.has(timelineId, segmentNumber, signal)) continue
        await this.#report([{ timelineId, first: segmentNumber, end: segmentNumber + 1n }], signal)
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
   * Looks at what the archive has before this segment, as far as can be seen quickly. WAL that is missing there is recorded
   * as a gap and reported, once.
   * @throws StorageError
   */
  async check(segment: SegmentItem, signal: AbortSignal): Promise<void> {
    await this.#lookBefore(segment, 'near', signal)
    this.#accounted.add(keyOf(segment))
    this.#open.delete(keyOf(segment))
    if (!this.#newestChecked || isAbove(segment, this.#newestChecked)) this.#newestChecked = segment
  }

  /** Whether {@link search} is to be called: once, when all that waits has been checked. */
  get wantsSearch(): boolean {
    return !this.#isSearched && this.#newestChecked !== undefined && this.#open.size === 0
  }

  /**
   * Lists the archive completely along the way to what waits, and reports what is missing further back. That takes long in a
   * large archive, and nothing has to wait for it.
   * @throws StorageError
   */
  async search(signal: AbortSignal): Promise<void> {
    if (this.#newestChecked) await this.#lookBefore(this.#newestChecked, 'complete', signal)
    this.#isSearched = true
  }

  /**
   * Whether all questions are answered: until then nobody knows whether the archive is complete up to what is waiting. A
   * guard slot waits for the complete search, too: what it passes is gone.
   */
  get isSettled(): boolean {
    const isSearched = this.#isSearched || this.#newestChecked === undefined || !this.#options.guarded
    return this.#open.size === 0 && this.#vanished.length === 0 && isSearched
  }

  /** With a guard slot: WAL from here on is missing in the archive, and must stay on the server. */
  get heldLsn(): Lsn | undefined {
    return this.#heldLsn
  }

  async #lookBefore(segment: ArchivedSegment, depth: SearchDepth, signal: AbortSignal): Promise<void> {
    const { inventory, walSegmentSize } = this.#options
    // Taken before the listing: what is archived meanwhile is in one of the two.
    const waiting = this.#waiting
    const line = await this.#lineOf(segment, waiting, signal)
    const stretches = stretchesOf(line, walSegmentSize, segment.segmentNumber)
    const { holes } = await searchLine(inventory, stretches, { waiting, depth }, signal)
    await this.#report(holes, signal)
  }

  async #lineOf(
    segment: ArchivedSegment,
    waiting: readonly ArchivedSegment[],
    signal: AbortSignal,
  ): Promise<TimelineLine> {
    const { inventory, walSegmentSize, logger } = this.#options
    const { timelineId } = segment
    const historyOf = async (id: TimelineId): Promise<TimelineHistory | undefined> =>
      (await this.#options.historyOf(id)) ?? inventory.history(id, signal)
    const history = timelineId === 1 ? [] : await historyOf(timelineId)
    if (history) return { timelineId, history }
    const guess = await guessLine(segment, { inventory, walSegmentSize, waiting, historyOf }, signal)
    const parent = guess.history.at(-1)
    if (parent && !this.#guessed.has(timelineId)) {
      this.#guessed.add(timelineId)
      logger.warning(`the history of timeline ${timelineId} is unknown`, {
        code: 'WALR_TIMELINE',
        detail: `Neither the directory nor the archive has "${historyFileName(timelineId)}". WAL between timeline ${parent.timelineId} and this one counts as missing.`,
        hint: 'Without that file nobody can recover from the one into the other. Look for it in pg_wal of the servers.',
      })
    }
    return guess
  }

  async #report(holes: readonly SegmentRun[], signal: AbortSignal): Promise<void> {
    if (holes.length === 0) return
    const report = this.#reporting.then(async () => {
      const gaps = await this.#options.inventory.gaps(signal)
      const known = [...this.#recorded, ...this.#told, ...gaps]
      const news = holes.filter((hole) => !isRecorded(known, hole, this.#options.walSegmentSize))
      for (const hole of joined(news)) await this.#reportOne(hole)
    })
    this.#reporting = report.catch(() => undefined)
    await report
  }

  async #reportOne(hole: SegmentRun): Promise<void> {
    const { disk, directory, walSegmentSize, logger, now, guarded } = this.#options
    const startLsn = segmentStartLsn(hole.first, walSegmentSize)
    const endLsn = segmentStartLsn(hole.end, walSegmentSize)
    const reason = 'neither in the archive nor in the receive directory'
    if (!guarded) await recordGap(disk, directory, { timelineId: hole.timelineId, startLsn, endLsn, reason }, now())
    else if (this.#heldLsn === undefined || startLsn < this.#heldLsn) this.#heldLsn = startLsn
    this.#told.push({ startLsn, endLsn })
    logger.error(`WAL is missing: ${lsnRange(startLsn, endLsn)} is ${reason}`, {
      code: 'WALR_WAL_GAP',
      hint: guarded
        ? 'The guard slot stays before it: stop walr, move all files out of the receive directory, and start walr again. It goes on where WAL is missing. Or take a new base backup and start once with --accept-gap.'
        : 'Take a new base backup. If another copy has the segments, put them into the directory: they will be archived.',
      fields: { startLsn: startLsn.toString(16), endLsn: endLsn.toString(16), timelineId: hole.timelineId },
    })
  }
}

/** Holes that follow one another on different timelines are one gap, which begins on the oldest of them. */
function joined(holes: readonly SegmentRun[]): readonly SegmentRun[] {
  const gaps: SegmentRun[] = []
  for (const hole of holes) {
    const last = gaps.at(-1)
    if (last?.end === hole.first) gaps[gaps.length - 1] = { ...last, end: hole.end }
    else gaps.push(hole)
  }
  return gaps
}

function isAbove(one: ArchivedSegment, other: ArchivedSegment): boolean {
  if (one.timelineId !== other.timelineId) return one.timelineId > other.timelineId
  return one.segmentNumber > other.segmentNumber
}

function recordedGaps({ entries }: DirectoryScan): readonly ArchivedGap[] {
  return entries
    .filter(({ kind }) => kind === 'gap')
    .map(({ fileName }) => parseGapFileName(fileName))
    .filter((gap) => gap !== undefined)
}

function keyOf({ timelineId, segmentNumber }: { timelineId: TimelineId; segmentNumber: bigint }): string {
  return `${timelineId}/${segmentNumber}`
}
