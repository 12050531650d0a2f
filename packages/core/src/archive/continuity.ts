import type { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { SegmentEntry } from '../wal/segment-directory.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { historyFileName } from '../wal/wal-file-name.ts'
import type { SegmentItem } from './archive-entry.ts'
import type { ArchivedSegment, ArchiveInventory } from './archive-inventory.ts'
import { recordedGaps, type DirectoryScan } from './archive-queue.ts'
import { GapReports } from './gap-reports.ts'
import { guessLine } from './line-guess.ts'
import { searchLine, type SearchDepth } from './line-search.ts'
import { verifySegment, type LocalWal } from './local-file.ts'
import { ReceiverPlace } from './receiver-place.ts'
import { stretchesOf, type TimelineLine } from './timeline-line.ts'

export interface ContinuityOptions {
  readonly wal: LocalWal
  readonly inventory: ArchiveInventory
  /** The ancestors of a timeline as far as the directory knows them. */
  readonly historyOf: (timelineId: TimelineId) => Promise<TimelineHistory | undefined>
  readonly logger: Logger
  readonly now: () => Date
  /** The server keeps for a guard slot what the archive lacks: a hole can still be filled, and is not recorded. */
  readonly guarded: boolean
  /** Told of each gap that is not recorded for that reason. */
  readonly onHeldGap: (error: WalrError) => void
}

/**
 * Watches that what is archived continues what is in the archive (law 6). Segments that follow one another in the directory
 * need no question; only where a run of them begins the archive is looked at before, along all its timelines. A file proves
 * nothing by its name: before one that does not verify nothing is missing. Nor is what the receiver has yet to receive.
 */
export class Continuity {
  readonly #options: ContinuityOptions
  readonly #gaps: GapReports
  /** Segments whose predecessor is accounted for, by timeline: where runs begin that were checked, or passed. */
  readonly #accounted = new Map<string, ArchivedSegment>()
  /** Where runs begin whose files did verify. */
  #proven = new Set<string>()
  /** Where runs begin whose files did not; the question before them is that of the next segment. */
  #damaged = new Set<string>()
  /** The newest segment of the directory, finished or not. */
  #newest: SegmentEntry | undefined
  #receiver = new ReceiverPlace()
  /** Timelines whose unknown history was told of. */
  readonly #guessed = new Set<TimelineId>()
  #newestChecked: ArchivedSegment | undefined
  #isSearched = false
  /** Where runs begin that have not been checked. */
  #open = new Set<string>()
  /** Waited, and are gone without having been archived. */
  readonly #vanished = new Map<string, SegmentItem>()
  /** Archived, and to be looked before once more: behind a damaged one, or with something to be received before them. */
  readonly #postponed = new Map<string, ArchivedSegment>()
  /** What the directory has and the archive lacks: that is on its way, and not missing. */
  #waiting: readonly SegmentItem[] = []
  /** Of these, what has not been archived since the scan. */
  #unarchived = new Set<string>()

  constructor(options: ContinuityOptions) {
    this.#options = options
    this.#gaps = new GapReports(options)
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
    this.#receiver = this.#receiver.after(scan)
    this.#gaps.update(recordedGaps(scan))
    this.#waiting = open
    this.#unarchived = new Set(open.map(keyOf))
    this.#proven = new Set([...this.#proven].filter((key) => this.#unarchived.has(key)))
    this.#damaged = new Set([...this.#damaged].filter((key) => this.#unarchived.has(key) || this.#vanished.has(key)))
    return this.#unaccounted(open)
  }

  #unaccounted(segments: readonly SegmentItem[]): readonly SegmentItem[] {
    const open: SegmentItem[] = []
    let before: SegmentItem | undefined
    for (const segment of segments) {
      const follows = before && keyOf(nextOf(before)) === keyOf(segment) && !this.#damaged.has(keyOf(before))
      if (!follows && !this.#accounted.has(keyOf(segment))) open.push(segment)
      else this.#accounted.set(keyOf(segment), segment)
      before = segment
    }
    this.#open = new Set(open.map(keyOf).filter((key) => !this.#damaged.has(key)))
    this.#forgetPassed()
    return open
  }

  /** What is archived, and gone, begins no run any more. */
  #forgetPassed(): void {
    for (const [key, { timelineId, segmentNumber }] of this.#accounted) {
      const isPassed = this.#newest?.timelineId === timelineId && segmentNumber < this.#newest.segmentNumber
      if (isPassed && !this.#unarchived.has(key)) this.#accounted.delete(key)
    }
  }

  /**
   * Segments of the scan before that are gone without having been confirmed: what follows them was taken to continue them.
   */
  #noteVanished(waiting: readonly SegmentItem[], isConfirmed: (fileName: string) => boolean): void {
    const there = new Set(waiting.map(({ fileName }) => fileName))
    for (const segment of this.#waiting) {
      if (!there.has(segment.fileName) && !isConfirmed(segment.fileName)) this.#vanished.set(keyOf(segment), segment)
    }
  }

  get #late(): readonly LateQuestion[] {
    const vanished = [...this.#vanished].map(([key, segment]): LateQuestion => {
      const { timelineId, segmentNumber } = segment
      const ask = async (signal: AbortSignal): Promise<void> => {
        await this.#checkVanished(segment, signal)
        this.#vanished.delete(key)
      }
      return { segment, isRipe: !this.#receiver.isYetToReceive({ timelineId, end: segmentNumber + 1n }), ask }
    })
    const postponed = [...this.#postponed].map(([key, segment]): LateQuestion => {
      const { timelineId, segmentNumber } = segment
      const isToCome = this.#receiver.isYetToReceive({ timelineId, end: segmentNumber })
      const ask = async (signal: AbortSignal): Promise<void> => {
        if (await this.#lookAgain(segment, signal)) this.#postponed.delete(key)
      }
      return { segment, isRipe: !isToCome && !this.#unarchived.has(key), ask }
    })
    return [...vanished, ...postponed]
  }

  /** Whether this vanished segment is in the archive. */
  async #checkVanished(segment: SegmentItem, signal: AbortSignal): Promise<void> {
    const { inventory } = this.#options
    const { timelineId, segmentNumber } = segment
    // The receiver has moved a damaged one aside, and fetches it again or has done so.
    if (this.#unarchived.has(keyOf(segment))) return
    if (this.#newest?.timelineId === timelineId && this.#newest.segmentNumber <= segmentNumber) return
    if (await inventory.has(timelineId, segmentNumber, signal)) return
    const hole = { timelineId, first: segmentNumber, end: segmentNumber + 1n }
    // What follows it tells that a damaged file was WAL once.
    const next = nextOf(segment)
    const wasWal = !this.#damaged.has(keyOf(segment)) || this.#unarchived.has(keyOf(next))
    if (wasWal || (await inventory.has(timelineId, next.segmentNumber, signal))) await this.#gaps.report([hole], signal)
  }

  /** What is before this postponed segment. @returns whether there is an answer. */
  async #lookAgain(segment: ArchivedSegment, signal: AbortSignal): Promise<boolean> {
    if (!(await this.#options.inventory.has(segment.timelineId, segment.segmentNumber, signal))) return true
    const asked = await this.#onReceiversLine(segment, signal)
    if (asked && !(await this.#lookBefore(asked, 'near', signal))) return false
    this.#noteChecked(segment)
    return true
  }

  /** Of a timeline that the receiver has left only what its line takes of that; undefined when that is nothing. */
  async #onReceiversLine(segment: ArchivedSegment, signal: AbortSignal): Promise<ArchivedSegment | undefined> {
    const { at } = this.#receiver
    if (!at || at.timelineId <= segment.timelineId) return segment
    const stretches = stretchesOf(await this.#lineOf(at, signal), this.#options.wal.walSegmentSize)
    const end = stretches.find(({ timelineId }) => timelineId === segment.timelineId)?.end
    if (end === undefined) return undefined
    return end < segment.segmentNumber ? { ...segment, segmentNumber: end } : segment
  }

  /** What follows this segment is accounted for: it is in the archive. To be called before its file is taken for confirmed. */
  archived(segment: SegmentItem): void {
    const next = nextOf(segment)
    this.#accounted.set(keyOf(next), next)
    this.#unarchived.delete(keyOf(segment))
  }

  /**
   * Verifies the segment, and looks at what the archive has before it, as far as can be seen quickly. WAL that is missing
   * there is recorded as a gap and reported, once.
   * @throws StorageError; WalrError WALR_SEGMENT_CORRUPT and others of the file, WALR_WRITE_FAILED and others of a record.
   */
  async check(segment: SegmentItem, signal: AbortSignal): Promise<void> {
    const key = keyOf(segment)
    await this.#verify(segment)
    if (await this.#lookBefore(segment, 'near', signal)) this.#postponed.delete(key)
    else this.#postponed.set(key, segment)
    this.#accounted.set(key, segment)
    this.#open.delete(key)
    this.#noteChecked(segment)
  }

  #noteChecked(segment: ArchivedSegment): void {
    if (!this.#newestChecked || isAbove(segment, this.#newestChecked)) this.#newestChecked = segment
  }

  async #verify(segment: SegmentItem): Promise<void> {
    const key = keyOf(segment)
    try {
      await verifySegment(segment, this.#options.wal)
    } catch (error) {
      const next = nextOf(segment)
      this.#damaged.add(key)
      this.#open.delete(key)
      this.#postponed.delete(key)
      // It may be on its way already, without a question.
      this.#accounted.delete(keyOf(next))
      this.#postponed.set(keyOf(next), next)
      throw error
    }
    this.#damaged.delete(key)
    this.#proven.add(key)
  }

  /** Whether {@link search} is to be called: once when all that waits has been checked, and when a question has come up. */
  get wantsSearch(): boolean {
    return this.#wantsCompleteSearch || this.#late.some(({ isRipe }) => isRipe)
  }

  get #wantsCompleteSearch(): boolean {
    return !this.#isSearched && this.#newestChecked !== undefined && this.#open.size === 0
  }

  /**
   * Asks what has had no answer: whether vanished segments are in the archive, and what is before segments that were archived
   * before that could be told. Then, once, lists the archive completely along the way to what waits, and reports what is
   * missing further back. That takes long in a large archive, and nothing has to wait for it.
   * @throws StorageError; WalrError when a gap cannot be recorded.
   */
  async search(signal: AbortSignal): Promise<void> {
    for (const { ask } of this.#late.filter(({ isRipe }) => isRipe)) await ask(signal)
    if (!this.#wantsCompleteSearch) return
    const segment = this.#newestChecked
    if (segment && !(await this.#lookBefore(segment, 'complete', signal))) this.#postponed.set(keyOf(segment), segment)
    this.#isSearched = true
  }

  /**
   * Whether all questions are answered: until then nobody knows whether the archive is complete up to what is waiting. A
   * guard slot waits for the complete search, too: what it passes is gone.
   */
  get isSettled(): boolean {
    if (this.#open.size > 0 || (this.#damaged.size > 0 && !this.#newestChecked)) return false
    if (this.#late.some(({ segment }) => !this.#receiver.isFarBefore(segment))) return false
    return this.#isSearched || this.#newestChecked === undefined || !this.#options.guarded
  }

  /** With a guard slot: WAL from here on is missing in the archive, and must stay on the server. */
  get heldLsn(): Lsn | undefined {
    return this.#gaps.heldLsn
  }

  /** What to say of gaps that are not recorded, as the server may still fill them, as long as that is so. */
  get heldGaps(): readonly WalrError[] {
    return this.#gaps.held
  }

  /** Whether the server keeps nothing any more for the guard slot: then {@link giveUpHeld} has to be called. */
  setGuardLost(isLost: boolean): void {
    this.#gaps.setGuardLost(isLost)
  }

  /** When the guard is lost, records what was held for it. @returns whether there was something. @throws WalrError */
  giveUpHeld(): Promise<boolean> {
    return this.#gaps.giveUp()
  }

  /** @returns false when something there is yet to be received: then the question is to be asked again. */
  async #lookBefore(segment: ArchivedSegment, depth: SearchDepth, signal: AbortSignal): Promise<boolean> {
    const { inventory, wal } = this.#options
    // Taken before the listing: what is archived meanwhile is in one of the two.
    const [all, receiver] = [this.#waiting, this.#receiver]
    const line = await this.#lineOf(segment, signal)
    const stretches = stretchesOf(line, wal.walSegmentSize, segment.segmentNumber)
    const isProven = (other: SegmentItem): boolean => this.#proven.has(keyOf(other))
    const waiting = all.filter(isProven)
    const doubtful = all.filter((other) => !isProven(other))
    const { holes } = await searchLine(inventory, stretches, { waiting, doubtful, depth }, signal)
    const missing = holes.filter((hole) => !receiver.isYetToReceive(hole))
    await this.#gaps.report(missing, signal)
    return missing.length === holes.length
  }

  async #lineOf(segment: ArchivedSegment, signal: AbortSignal): Promise<TimelineLine> {
    const { inventory, logger } = this.#options
    const { walSegmentSize } = this.#options.wal
    const { timelineId } = segment
    const waiting = this.#waiting.filter((other) => !this.#damaged.has(keyOf(other)))
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
}

/** A question that had no answer when it came up. */
interface LateQuestion {
  readonly segment: ArchivedSegment
  /** Whether it can be answered. */
  readonly isRipe: boolean
  readonly ask: (signal: AbortSignal) => Promise<void>
}

function isAbove(one: ArchivedSegment, other: ArchivedSegment): boolean {
  if (one.timelineId !== other.timelineId) return one.timelineId > other.timelineId
  return one.segmentNumber > other.segmentNumber
}

function nextOf({ timelineId, segmentNumber }: ArchivedSegment): ArchivedSegment {
  return { timelineId, segmentNumber: segmentNumber + 1n }
}

function keyOf({ timelineId, segmentNumber }: ArchivedSegment): string {
  return `${timelineId}/${segmentNumber}`
}
