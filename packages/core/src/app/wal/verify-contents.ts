import { ArchiveLayout } from '../../archive/archive-layout.ts'
import type { WantedWal } from '../../archive/missing-wal.ts'
import type { TableSegment } from '../../archive/segment-table.ts'
import type { UnfinishedSegment, WalCatalogue } from '../../archive/wal-catalogue.ts'
import { formatLsn } from '../../wal/lsn.ts'
import { followSegment, type ChainEnd } from '../../wal/record-chain.ts'
import { chainEndText } from '../../wal/record-chain-text.ts'
import { timelineHolding } from '../../wal/timeline-history.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import { segmentNumberOf, segmentStartLsn, walFileName, type WalFileName } from '../../wal/wal-file-name.ts'
import type { KnownSystem } from './known-wal.ts'
import type { Findings } from './verify-findings.ts'
import type { SegmentCheck, SegmentOutcome } from './verify-messages.ts'
import { unlessAborted } from './unless-aborted.ts'
import { piecesOf, type Piece } from './verify-pieces.ts'
import type { VerifyResume } from './verify-resume.ts'
import { KeyTrouble, OutageTrouble } from './verify-troubles.ts'
import { names } from './wal-listing.ts'

/** Who checks segments. */
export interface SegmentChecker {
  /** So many checks at a time are enough. */
  readonly capacity: number
  check(check: SegmentCheck): Promise<SegmentOutcome>
}

/** How much was done. */
export interface VerifyMeter {
  segments: number
  objects: number
  plainBytes: number
  storedBytes: number
  /** Segments that were found good by an earlier run. */
  skippedSegments: number
  records: number
}

export interface VerifyContentsOptions {
  readonly checker: SegmentChecker
  /** The receive directory, when the catalogue is one of it. */
  readonly directory: string | undefined
  readonly cluster: string
  readonly deep: boolean
  readonly resume: VerifyResume
  readonly findings: Findings
  readonly meter: VerifyMeter
  /** Told when the meter has moved. */
  readonly onProgress: () => void
  readonly signal: AbortSignal
}

/** A segment whose copies are being checked. */
interface Running {
  readonly piece: Piece
  readonly segmentNumber: bigint
  readonly checks: readonly SegmentCheck[]
  readonly outcomes: Promise<readonly PromiseSettledResult<SegmentOutcome>[]>
}

/** A piece of which something was verified. */
interface PieceState {
  readonly piece: Piece
  readonly before: ChainEnd | undefined
  /** Behind the last segment that was found good; nothing counts behind one that was not. */
  goodEnd: bigint
  after: ChainEnd | undefined
  isOver: boolean
}

/**
 * Verifies what one place has of one system: many segments at a time, their results in order.
 */
export class VerifyContents {
  readonly #catalogue: WalCatalogue
  readonly #known: KnownSystem
  readonly #options: VerifyContentsOptions
  readonly #layout: ArchiveLayout
  readonly #running: Running[] = []
  /** Ends of pieces where timelines branch off. */
  readonly #branches = new Map<string, ChainEnd | undefined>()
  readonly #keyTrouble = new KeyTrouble()
  readonly #outage = new OutageTrouble()
  /** The end of the last segment that was looked at. */
  #chain: { readonly timelineId: TimelineId; readonly end: ChainEnd | undefined } | undefined
  #state: PieceState | undefined
  #nextId = 1

  constructor(catalogue: WalCatalogue, known: KnownSystem, options: VerifyContentsOptions) {
    this.#catalogue = catalogue
    this.#known = known
    this.#options = options
    this.#layout = new ArchiveLayout(options.cluster, catalogue.owner.systemIdentifier)
  }

  /**
   * Findings go where the options say.
   * @throws the signal's reason; WalrError when plugins or keys are not good.
   */
  async run(wanted: WantedWal): Promise<void> {
    const { findings } = this.#options
    const pieces = piecesOf(this.#catalogue, this.#known, wanted)
    try {
      let tried = 0
      for (const piece of pieces) {
        if (this.#hasGivenUp) break
        await this.#takePiece(piece)
        tried += 1
      }
      await this.#finishAll()
      if (!this.#hasGivenUp) await this.#checkUnfinished(wanted)
      if (this.#hasGivenUp) this.#noteUntried(pieces.slice(Math.max(0, tried - 1)))
    } finally {
      this.#endPiece()
      // What was begun ends with the threads.
      for (const { outcomes } of this.#running.splice(0)) outcomes.catch(() => undefined)
      this.#keyTrouble.report(this.#catalogue, findings)
      await this.#save()
    }
  }

  /** A file that can no longer be written costs the next run time, and takes nothing from what this one has found. */
  async #save(): Promise<void> {
    const { resume, findings } = this.#options
    const error = await resume.keep()
    if (!error) return
    findings.add({
      ...{ severity: 'warning', code: error.code, place: 'the file of --resume', where: resume.path ?? '' },
      what: `what was found good is not kept: ${error.message}`,
      remedy: 'Make room, or the file writable. The next run looks at it again.',
    })
  }

  get #hasGivenUp(): boolean {
    return this.#outage.isLasting || this.#keyTrouble.isHopeless
  }

  async #takePiece(piece: Piece): Promise<void> {
    const { resume, meter, onProgress } = this.#options
    const { timelineId, table } = piece
    let { first } = piece
    for (;;) {
      const earlier = resume.earlier(this.#catalogue, timelineId, first)
      if (!earlier || earlier.end > piece.end || table.digestOf(earlier) !== earlier.digest) break
      // Whether it still fits is known when what is before it is.
      await this.#finishAll()
      if (this.#hasGivenUp || !isSameEnd(earlier.before, this.#chainBefore(timelineId, first))) break
      this.#endPiece()
      this.#chain = { timelineId, end: earlier.after }
      if (earlier.end === piece.end) this.#noteBranch(piece)
      meter.skippedSegments += Number(earlier.end - first)
      onProgress()
      first = earlier.end
    }
    if (first === piece.end) return
    resume.forget(this.#catalogue, timelineId, first)
    for (const segment of table.segments({ first, end: piece.end })) {
      this.#begin({ ...piece, first }, segment)
      if (this.#running.length >= this.#options.checker.capacity) await this.#finishOne()
      if (this.#hasGivenUp) return
    }
  }

  #begin(piece: Piece, { segmentNumber, copies }: TableSegment): void {
    const { owner } = this.#catalogue
    const name = walFileName(piece.timelineId, segmentNumber, owner.walSegmentSize)
    const checks = copies.map(({ suffixes, storedBytes }) => ({
      ...this.#checkOf(name, piece.timelineId, segmentNumber),
      source: this.#sourceOf(name, suffixes),
      storedBytes,
    }))
    const outcomes = Promise.allSettled(checks.map((check) => this.#options.checker.check(check)))
    this.#running.push({ piece, segmentNumber, checks, outcomes })
  }

  #checkOf(name: string, timelineId: TimelineId, segmentNumber: bigint): Omit<SegmentCheck, 'source' | 'storedBytes'> {
    const { systemIdentifier, walSegmentSize } = this.#catalogue.owner
    const startLsn = segmentStartLsn(segmentNumber, walSegmentSize)
    const expected = { systemIdentifier, walSegmentSize, startLsn, timelineId }
    return { id: this.#nextId++, name, expected, isUnfinished: false, deep: this.#options.deep }
  }

  #sourceOf(name: WalFileName, suffixes: string): SegmentCheck['source'] {
    const { directory } = this.#options
    if (directory !== undefined) return { kind: 'file', directory, fileName: name + suffixes, suffix: suffixes }
    const key = this.#layout.segmentKey(name, suffixes)
    return { kind: 'object', key, boundKey: this.#layout.boundKey(key), suffixes }
  }

  async #finishAll(): Promise<void> {
    while (this.#running.length > 0) await this.#finishOne()
  }

  async #finishOne(): Promise<void> {
    const [running] = this.#running
    if (!running) return
    const results = await unlessAborted(running.outcomes, this.#options.signal)
    this.#running.shift()
    const outcomes = results.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
    this.#take(running, outcomes)
    this.#options.onProgress()
    await this.#options.resume.saveInTime()
  }

  #take({ piece, segmentNumber, checks }: Running, outcomes: readonly SegmentOutcome[]): void {
    const { meter, deep } = this.#options
    if (this.#state?.piece.first !== piece.first || this.#state.piece.timelineId !== piece.timelineId) {
      this.#endPiece()
      const before = this.#chainBefore(piece.timelineId, piece.first)
      this.#chain = { timelineId: piece.timelineId, end: before }
      this.#state = { piece, before, goodEnd: piece.first, after: undefined, isOver: false }
    }
    const countBefore = this.#options.findings.count + this.#keyTrouble.count
    let good: SegmentOutcome | undefined
    for (const [index, outcome] of outcomes.entries()) {
      const check = checks[index]
      meter.storedBytes += outcome.storedBytes
      meter.plainBytes += outcome.plainBytes
      meter.objects += 1
      if (check && this.#judge(check, outcome)) good ??= outcome
    }
    meter.segments += 1
    if (deep) this.#follow(piece, segmentNumber, good)
    const isGood = good !== undefined && this.#options.findings.count + this.#keyTrouble.count === countBefore
    this.#note(piece, segmentNumber, isGood)
  }

  #note(piece: Piece, segmentNumber: bigint, isGood: boolean): void {
    const state = this.#state
    if (state && !state.isOver) {
      state.isOver = !isGood
      if (isGood) {
        state.goodEnd = segmentNumber + 1n
        state.after = this.#chain?.end
      }
    }
    if (segmentNumber + 1n === piece.end) this.#noteBranch(piece)
  }

  /** @returns whether the copy is good. */
  #judge(check: SegmentCheck, { verdict }: SegmentOutcome): boolean {
    const { findings } = this.#options
    const { place } = this.#catalogue.owner
    const { source, expected } = check
    const where = source.kind === 'object' ? source.key : source.fileName
    const lsn = formatLsn(expected.startLsn)
    const suffixes = source.kind === 'object' ? source.suffixes : ''
    this.#outage.note(verdict.kind === 'unreadable')
    switch (verdict.kind) {
      case 'good':
        this.#keyTrouble.noteGood(suffixes)
        return true
      case 'gone':
        // Files are archived and removed while a receiver runs.
        if (source.kind === 'file') return false
        findings.add({
          ...{ severity: 'missing', code: 'WALR_WAL_GAP', place, where, lsn, what: 'was listed, and is gone' },
          remedy: 'Find out who removes objects. Bring the segment from another copy.',
        })
        return false
      case 'damaged':
        findings.add({
          ...{ severity: 'damaged', code: verdict.code, place, where, lsn, what: verdict.message },
          remedy: `Fetch the segment from another copy, or from the server, and move the damaged one away.`,
        })
        return false
      case 'wrong-key':
        this.#keyTrouble.note({ suffixes, where, lsn, message: verdict.message })
        return false
      case 'unreadable':
        findings.add({
          ...{ severity: 'unchecked', code: verdict.code, place, where, lsn, what: verdict.message },
          remedy: 'Nobody knows. Verify again when the storage answers.',
        })
        return false
    }
  }

  /** Looks at the records of a segment, and at its edge with the one before. */
  #follow(piece: Piece, segmentNumber: bigint, good: SegmentOutcome | undefined): void {
    const records = good?.records
    const { timelineId } = piece
    if (!records) {
      this.#chain = undefined
      return
    }
    const { findings, meter } = this.#options
    const { owner } = this.#catalogue
    const where = walFileName(piece.timelineId, segmentNumber, owner.walSegmentSize)
    const place = owner.place
    const remedy = 'Recovery ends there. Compare it with another copy, if there is one, and take a new base backup.'
    const followed = followSegment(this.#chain?.end, records)
    meter.records += records.recordCount + (followed.hasJoinedRecord ? 1 : 0)
    const lsn = formatLsn(records.validEndLsn)
    const code = 'WALR_SEGMENT_CORRUPT'
    if (records.fault !== undefined) {
      findings.add({ severity: 'damaged', code, place, where, lsn, what: `the segment ${records.fault}`, remedy })
    } else if (followed.fault) {
      const { lsn: at, what } = followed.fault
      const holder = timelineHolding(timelineId, this.#known.historyOf(timelineId), at)
      const culprit = walFileName(holder, segmentNumberOf(at, owner.walSegmentSize), owner.walSegmentSize)
      findings.add({ severity: 'damaged', code, place, where: culprit, lsn: formatLsn(at), what, remedy })
    } else if (records.end === 'torn' && followed.end?.endedAt !== undefined && this.#isNewest(piece, segmentNumber)) {
      const what = 'the segment ends within a record, and there are zeros behind it'
      findings.add({ severity: 'warning', place, where, lsn, what, remedy: 'Look whether the server had more.' })
    }
    if (records.fault === undefined && records.stray !== undefined) {
      findings.add({
        ...{ severity: 'warning', place, where, lsn: formatLsn(records.stray) },
        what: 'bytes are not zero between records or behind the last one; PostgreSQL does not read them',
        remedy: 'The WAL is good. Something has altered the segment: compare it with another copy.',
      })
    }
    this.#chain = { timelineId, end: followed.end }
  }

  #isNewest(piece: Piece, segmentNumber: bigint): boolean {
    return this.#known.runs.get(piece.timelineId)?.at(-1)?.end === segmentNumber + 1n
  }

  /** The records before a segment, when they were looked at. */
  #chainBefore(timelineId: TimelineId, segmentNumber: bigint): ChainEnd | undefined {
    const { walSegmentSize } = this.#catalogue.owner
    const startLsn = segmentStartLsn(segmentNumber, walSegmentSize)
    const { timelineId: last, end } = this.#chain ?? {}
    if (last === timelineId && end?.nextLsn === startLsn) return end
    const parent = this.#known.historyOf(timelineId).at(-1)
    if (!parent || segmentNumberOf(parent.switchLsn, walSegmentSize) !== segmentNumber) return undefined
    return this.#branches.get(`${parent.timelineId} ${segmentNumber}`)
  }

  #noteBranch({ timelineId, isBranchedOff, end }: Piece): void {
    if (isBranchedOff) this.#branches.set(`${timelineId} ${end}`, this.#chain?.end)
  }

  /** Remembers what was found good of the piece that is being verified. */
  #endPiece(): void {
    const state = this.#state
    this.#state = undefined
    if (!state || state.goodEnd === state.piece.first) return
    const { timelineId, first, table } = state.piece
    const { before, after, goodEnd: end } = state
    const digest = table.digestOf({ first, end })
    this.#options.resume.add(this.#catalogue, { timelineId, first, end, digest, before, after })
  }

  async #checkUnfinished(wanted: WantedWal): Promise<void> {
    const { checker, directory, meter } = this.#options
    const inRange = this.#catalogue.unfinished.filter(({ timelineId, segmentNumber }) => {
      if (wanted.timelineId !== undefined && timelineId !== wanted.timelineId) return false
      return segmentNumber >= (wanted.from ?? 0n) && (wanted.end === undefined || segmentNumber < wanted.end)
    })
    for (const segment of inRange) {
      const { walFileName: name, timelineId, segmentNumber, storedBytes } = segment
      const check = { ...this.#checkOf(name, timelineId, segmentNumber), storedBytes, isUnfinished: true }
      const source = unfinishedSource(segment, directory, this.#layout)
      const outcome = await unlessAborted(checker.check({ ...check, source }), this.#options.signal)
      meter.objects += 1
      meter.storedBytes += outcome.storedBytes
      meter.plainBytes += outcome.plainBytes
      this.#judge({ ...check, source }, outcome)
    }
  }

  #noteUntried(pieces: readonly Piece[]): void {
    const { findings } = this.#options
    const { place, walSegmentSize } = this.#catalogue.owner
    for (const piece of pieces) {
      const { first, last, startLsn, endLsn } = names(piece.timelineId, piece, walSegmentSize)
      findings.add({
        ...{ severity: 'unchecked', place, where: `${first} to ${last}`, lsn: `${startLsn} to ${endLsn}` },
        what: 'was not looked at, or not to its end',
        remedy: 'Verify again when the objects can be read.',
      })
    }
  }
}

function unfinishedSource(
  { name, suffixes }: UnfinishedSegment,
  directory: string | undefined,
  layout: ArchiveLayout,
): SegmentCheck['source'] {
  if (directory !== undefined) return { kind: 'file', directory, fileName: name, suffix: suffixes }
  return { kind: 'object', key: name, boundKey: layout.boundKey(name), suffixes }
}

function isSameEnd(one: ChainEnd | undefined, other: ChainEnd | undefined): boolean {
  return JSON.stringify(one && chainEndText(one)) === JSON.stringify(other && chainEndText(other))
}
