import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { recordGap, type WalGap } from '../wal/gap-record.ts'
import type { Lsn } from '../wal/lsn.ts'
import { segmentStartLsn } from '../wal/wal-file-name.ts'
import { isRecorded, type ArchivedGap, type ArchiveInventory } from './archive-inventory.ts'
import { lsnRange } from './archive-layout.ts'
import type { LocalWal } from './local-file.ts'
import type { SegmentRun } from './segment-runs.ts'

export interface GapReportsOptions {
  readonly wal: LocalWal
  readonly inventory: Pick<ArchiveInventory, 'gaps'>
  readonly logger: Logger
  readonly now: () => Date
  /** The server keeps for a guard slot what the archive lacks: a hole can still be filled. */
  readonly guarded: boolean
  /** Told of each gap that is held instead of recorded. */
  readonly onHeldGap: (error: WalrError) => void
}

/** A gap that is not recorded, as the server may still have the WAL. */
interface HeldGap {
  readonly gap: WalGap
  readonly error: WalrError
}

/**
 * Tells of missing WAL, of each gap once, and records it (law 6). With a guard slot the gap is held instead, as the server may
 * still fill it, until the guard is lost.
 */
export class GapReports {
  readonly #options: GapReportsOptions
  #isGuarded: boolean
  /** Gaps that the directory has records of, on their way to the archive. */
  #recorded: readonly ArchivedGap[] = []
  /** Gaps that this process has told of. */
  readonly #told: ArchivedGap[] = []
  #held: readonly HeldGap[] = []
  /** One at a time: two searches may have found the same hole. */
  #inTurn: Promise<void> = Promise.resolve()

  constructor(options: GapReportsOptions) {
    this.#options = options
    this.#isGuarded = options.guarded
  }

  /** Takes the gaps that the directory has records of. */
  update(recorded: readonly ArchivedGap[]): void {
    this.#recorded = recorded
  }

  /** What to say of the gaps that are held, as long as they are. */
  get held(): readonly WalrError[] {
    return this.#held.map(({ error }) => error)
  }

  /** WAL from here on is missing in the archive, and must stay on the server. */
  get heldLsn(): Lsn | undefined {
    return this.#held
      .map(({ gap }) => gap.startLsn)
      .reduce<Lsn | undefined>((low, lsn) => (low === undefined || lsn < low ? lsn : low), undefined)
  }

  /** Whether the server keeps nothing any more for the guard slot: then what is missing can no longer be filled. */
  setGuardLost(isLost: boolean): void {
    this.#isGuarded = this.#options.guarded && !isLost
  }

  /**
   * Records what was held, when the guard is lost.
   * @returns whether there was something.
   * @throws WalrError when a record cannot be written: that gap is still held.
   */
  async giveUp(): Promise<boolean> {
    if (this.#isGuarded || this.#held.length === 0) return false
    await this.#takeTurn(async () => {
      for (const held of this.#held) {
        await this.#record(held.gap)
        this.#held = this.#held.filter((other) => other !== held)
      }
    })
    return true
  }

  /** @throws StorageError; WalrError when a record cannot be written. */
  async report(holes: readonly SegmentRun[], signal: AbortSignal): Promise<void> {
    if (holes.length === 0) return
    const { inventory, wal } = this.#options
    await this.#takeTurn(async () => {
      const known = [...this.#recorded, ...this.#told, ...(await inventory.gaps(signal))]
      const news = holes.filter((hole) => !isRecorded(known, hole, wal.walSegmentSize))
      for (const hole of joined(news)) await this.#reportOne(this.#gapOf(hole))
    })
  }

  async #takeTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#inTurn.then(work)
    this.#inTurn = turn.catch(() => undefined)
    await turn
  }

  #gapOf({ timelineId, first, end }: SegmentRun): WalGap {
    const { walSegmentSize } = this.#options.wal
    const startLsn = segmentStartLsn(first, walSegmentSize)
    const endLsn = segmentStartLsn(end, walSegmentSize)
    return { timelineId, startLsn, endLsn, reason: 'neither in the archive nor in the receive directory' }
  }

  async #reportOne(gap: WalGap): Promise<void> {
    if (this.#isGuarded) {
      const error = new WalrError('WALR_WAL_GAP', textOf(gap), {
        hint: 'The guard slot stays before it: stop walr, move all files out of the receive directory, and start walr again. It goes on where WAL is missing. Or take a new base backup and start once with --accept-gap.',
      })
      this.#held = [...this.#held, { gap, error }]
      this.#options.onHeldGap(error)
    } else await this.#record(gap)
    this.#told.push(gap)
  }

  async #record(gap: WalGap): Promise<void> {
    const { wal, logger, now } = this.#options
    const { timelineId, startLsn, endLsn } = gap
    await recordGap(wal.disk, wal.directory, gap, now())
    logger.error(textOf(gap), {
      code: 'WALR_WAL_GAP',
      hint: 'Take a new base backup. If another copy has the segments, put them into the directory: they will be archived.',
      fields: { startLsn: startLsn.toString(16), endLsn: endLsn.toString(16), timelineId },
    })
  }
}

function textOf({ startLsn, endLsn, reason }: WalGap): string {
  return `WAL is missing: ${lsnRange(startLsn, endLsn)} is ${reason}`
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
