import type { CodecPipeline } from '../codec/codec-pipeline.ts'
import type { TreeDisk } from '../disk/disk.ts'
import { isSystemError } from '../errors/system-error.ts'
import type { WalrError } from '../errors/walr-error.ts'
import type { Storage } from '../plugins/contract/index.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { DirectoryIdentity } from '../wal/directory-identity.ts'
import { formatLsn } from '../wal/lsn.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { ArchiveEntry, SegmentItem } from './archive-entry.ts'
import { archiveFailure, type ArchiveFailure } from './archive-error.ts'
import { ensureArchiveIdentity } from './archive-identity.ts'
import { ArchiveInventory } from './archive-inventory.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { scanDirectory, type DirectoryScan } from './archive-queue.ts'
import { archiveState, type ArchiveErrorReport, type ArchiveStatus } from './archive-status.ts'
import { ArchiverAlarms } from './archiver-alarms.ts'
import { Backlog } from './backlog.ts'
import type { Clock } from './clock.ts'
import { ConfirmedFiles } from './confirmed-files.ts'
import { Continuity } from './continuity.ts'
import { DirectoryMark } from './directory-mark.ts'
import { HoleSearch } from './hole-search.ts'
import { isGone, type LocalWal } from './local-file.ts'
import { readLocalHistory } from './local-histories.ts'
import { PendingFiles } from './pending-files.ts'
import { RetrySchedule } from './retry-schedule.ts'
import { SegmentArchiverPool } from './segment-archiver-pool.ts'
import { archiveGapRecord, archiveHistory } from './small-file-archiver.ts'
import { newestTimeline, type NewestLine } from './newest-line.ts'
import { TimelineGate } from './timeline-gate.ts'
import { WakeUp } from './wake-up.ts'

export interface ArchiverOptions {
  readonly disk: TreeDisk
  readonly directory: string
  readonly cluster: string
  readonly identity: DirectoryIdentity
  readonly storage: Storage
  readonly codecs: CodecPipeline
  /** How many files are archived at the same time. */
  readonly concurrency: number
  readonly keepLocalMs: number
  /** Whether the server keeps for a guard slot what the archive lacks: then missing WAL is not given up. */
  readonly guarded: boolean
  readonly logger: Logger
  readonly clock: Clock
  /** Told at every change worth telling. */
  readonly onStatus: (status: ArchiveStatus) => void
  readonly random?: () => number
}

/** The directory is looked at this often without a hint. */
const SCAN_INTERVAL_MS = 10_000
/** Stands for the archive's identity in the schedule of attempts. */
const IDENTITY = 'identity.json'

/**
 * Brings what is finished in the receive directory into the archive, for as long as it takes (laws 2 to 7). The directory
 * is the queue: a hint makes it look, a look decides, and a kill at any moment costs nothing but a repetition.
 */
export class Archiver {
  readonly #options: ArchiverOptions
  readonly #layout: ArchiveLayout
  readonly #wal: LocalWal
  readonly #schedule: RetrySchedule
  readonly #alarms: ArchiverAlarms
  readonly #confirmed: ConfirmedFiles
  readonly #continuity: Continuity
  readonly #backlog: Backlog
  readonly #mark: DirectoryMark
  readonly #inventory: ArchiveInventory
  readonly #search: HoleSearch
  readonly #segments: SegmentArchiverPool
  readonly #gate = new TimelineGate()
  readonly #pending = new PendingFiles()
  readonly #wake = new WakeUp()
  readonly #running = new Map<string, Promise<void>>()
  readonly #abort = new AbortController()
  #scan: DirectoryScan = { entries: [], newest: undefined, unfinished: [] }
  #scannedAtMs = -Infinity
  /** File names of segments that begin a run: the archive is asked for the one before. */
  #unaccounted: ReadonlySet<string> = new Set()
  #failedLooks = 0
  #identityChecked = false
  #draining = false
  #archivedCount = 0
  #lastArchived: ArchiveStatus['lastArchived']
  #lastError: ArchiveErrorReport | undefined
  #stopped = false

  constructor(options: ArchiverOptions) {
    this.#options = options
    const { disk, directory, cluster, identity, logger, storage, clock } = options
    const { walSegmentSize, systemIdentifier } = identity
    this.#layout = new ArchiveLayout(cluster, systemIdentifier)
    this.#wal = { disk, directory, systemIdentifier, walSegmentSize }
    this.#segments = new SegmentArchiverPool({ ...options, layout: this.#layout, wal: this.#wal })
    this.#schedule = new RetrySchedule(options.random)
    this.#alarms = new ArchiverAlarms(logger)
    this.#confirmed = new ConfirmedFiles(options)
    this.#backlog = new Backlog(disk, directory, walSegmentSize)
    this.#mark = new DirectoryMark(options)
    this.#inventory = new ArchiveInventory(storage, this.#layout, walSegmentSize)
    this.#continuity = new Continuity({
      wal: this.#wal,
      inventory: this.#inventory,
      historyOf: (timelineId) => this.#historyOf(timelineId),
      logger,
      now: () => new Date(clock.nowMs()),
      guarded: options.guarded,
      onHeldGap: (error) => this.#reportLasting(error),
    })
    this.#search = new HoleSearch({
      continuity: this.#continuity,
      clock,
      onFailure: (failure) => this.#report(failure, 1),
      onEnd: () => this.#wake.now(),
    })
  }

  /** Looks at the directory soon: something was finished there. */
  hint(): void {
    if (this.#pending.isFull) return
    this.#scannedAtMs = -Infinity
    this.#wake.now()
  }

  /** Whether the server keeps nothing any more for the guard slot: then what is missing is given up. */
  setGuardLost(isLost: boolean): void {
    this.#continuity.setGuardLost(isLost)
    this.#scannedAtMs = -Infinity
    this.#wake.now()
  }

  get status(): ArchiveStatus {
    const { isSettled, heldLsn, heldGaps } = this.#continuity
    const archived = this.#backlog.position(isSettled, heldLsn)
    return {
      state: archiveState(this.#stopped, this.#schedule.trouble?.kind, this.#backlog.count),
      archivedLsn: archived && formatLsn(archived.lsn),
      archivedTimelineId: archived?.timelineId,
      lastArchived: this.#lastArchived,
      backlog: this.#backlog.report(this.#options.clock.nowMs()),
      archivedCount: this.#archivedCount,
      quarantined: this.#pending.quarantined,
      gapCount: this.#scan.entries.filter(({ kind }) => kind === 'gap').length + heldGaps.length,
      heldGapCount: heldGaps.length,
      lastError: this.#lastError,
    }
  }

  /**
   * Archives until {@link drain} or `stop`. Failures of storage, codecs and files are reported and tried again.
   * @param stop ends everything at once, without waiting for what is under way.
   */
  async run(stop: AbortSignal): Promise<void> {
    const onStop = (): void => {
      this.#abort.abort(stop.reason)
      this.#wake.now()
    }
    stop.addEventListener('abort', onStop, { once: true })
    try {
      if (stop.aborted) onStop()
      await this.#mark.begin()
      await this.#confirmed.load()
      while (!this.#abort.signal.aborted) {
        await this.#look()
        this.#start()
        this.#tell()
        if (this.#draining && this.#running.size === 0 && !this.#search.running && !this.#pending.needsScan) break
        await this.#rest()
      }
    } finally {
      stop.removeEventListener('abort', onStop)
      this.#abort.abort(new DOMException('the archiver has ended', 'AbortError'))
      await Promise.all([...this.#running.values(), this.#search.running])
      this.#stopped = true
      this.#tell()
    }
  }

  /** Archives what is there and can be archived now, and then ends {@link run}; at once when the storage is in trouble. */
  drain(): void {
    this.#draining = true
    this.#scannedAtMs = -Infinity
    this.#wake.now()
  }

  async #look(): Promise<void> {
    const { disk, directory, clock } = this.#options
    const nowMs = clock.nowMs()
    if (nowMs - this.#scannedAtMs < SCAN_INTERVAL_MS && !this.#pending.needsScan) return
    this.#scannedAtMs = nowMs
    try {
      this.#scan = await scanDirectory(disk, directory, this.#wal.walSegmentSize)
      const newestLine = await this.#newestLine()
      // From here on to the backlog nothing is awaited: what is confirmed meanwhile would be counted.
      const segments = this.#scan.entries.filter((entry) => entry.kind === 'segment')
      const open = segments.filter(({ fileName }) => !this.#confirmed.has(fileName))
      this.#schedule.keepOnly(new Set([...this.#scan.entries.map((entry) => entry.fileName), IDENTITY]))
      const isConfirmed = (fileName: string): boolean => this.#confirmed.has(fileName)
      this.#gate.update(this.#scan.entries, (fileName) => this.#pending.isDone(fileName))
      const mayStart = (item: SegmentItem): boolean => !isConfirmed(item.fileName) && this.#gate.isOpen(item.timelineId)
      this.#pending.update(this.#scan, mayStart, this.#schedule)
      const unaccounted = this.#continuity.update(this.#scan, open, isConfirmed)
      this.#unaccounted = new Set(unaccounted.map(({ fileName }) => fileName))
      await this.#backlog.update(this.#scan, open, newestLine)
      await this.#confirmed.sweep(this.#scan, nowMs)
      if (this.#identityChecked) await this.#mark.complete()
      this.#failedLooks = 0
      const { conflict } = this.#gate
      for (const error of [...(conflict ? [conflict] : []), ...this.#continuity.heldGaps]) this.#reportLasting(error)
      if (await this.#continuity.giveUpHeld()) this.#scannedAtMs = -Infinity
    } catch (error) {
      this.#failedLooks += 1
      this.#report(archiveFailure(`look into "${directory}"`, error), this.#failedLooks)
    }
  }

  /** Begins as much as may run at the same time: one file when the storage is in trouble or not known to be ours. */
  #start(): void {
    const { concurrency, clock } = this.#options
    const nowMs = clock.nowMs()
    const limit = this.#schedule.trouble || !this.#identityChecked ? 1 : concurrency
    for (const entry of this.#pending.files) {
      if (this.#running.size >= limit) return
      if (this.#running.has(entry.fileName) || !this.#schedule.isDue(entry.fileName, nowMs)) continue
      this.#begin(entry.fileName, this.#attempt(entry))
    }
    if (this.#asksForIdentity() && this.#running.size === 0 && this.#schedule.isDue(IDENTITY, nowMs)) {
      this.#begin(IDENTITY, this.#attemptIdentity())
    }
    if (this.#identityChecked && !this.#schedule.trouble) this.#search.begin(this.#abort.signal)
  }

  #begin(fileName: string, attempt: Promise<void>): void {
    const work = attempt.finally(() => {
      this.#running.delete(fileName)
      this.#wake.now()
    })
    this.#running.set(fileName, work)
  }

  /** Kept files may go only when it is known whether this archive has them; no other file may be there to ask for. */
  #asksForIdentity(): boolean {
    return !this.#identityChecked && this.#confirmed.isUnproven
  }

  /** Never rejects. */
  async #attemptIdentity(): Promise<void> {
    const { clock } = this.#options
    const startedAtMs = clock.nowMs()
    try {
      await this.#ensureIdentity(this.#abort.signal)
      this.#succeeded(IDENTITY)
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#fail(IDENTITY, error, startedAtMs)
    }
  }

  #succeeded(fileName: string): void {
    const over = this.#schedule.succeeded(fileName)
    if (over) this.#alarms.over(over, this.#backlog.count, this.#options.clock.nowMs())
  }

  /** Never rejects. */
  async #attempt(entry: ArchiveEntry): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#abort
    const startedAtMs = clock.nowMs()
    try {
      await this.#ensureIdentity(signal)
      if (entry.kind === 'segment') await this.#archiveSegment(entry, signal)
      else await this.#archiveSmall(entry, signal)
      this.#succeeded(entry.fileName)
    } catch (error) {
      if (signal.aborted) return
      // Moved away under us: the next look shows what is there.
      if (isSystemError(error, 'ENOENT') && (await isGone(entry, this.#wal))) this.#scannedAtMs = -Infinity
      else this.#fail(entry.fileName, error, startedAtMs)
    }
  }

  async #ensureIdentity(signal: AbortSignal): Promise<void> {
    if (this.#identityChecked) return
    const { storage, cluster, identity, clock } = this.#options
    const owner = { layout: this.#layout, cluster, identity, now: new Date(clock.nowMs()) }
    const archiveId = await ensureArchiveIdentity(storage, owner, signal)
    // What leaves the directory, or was taken to be in the archive, depends on which archive that is.
    await this.#mark.accept(archiveId)
    if (await this.#confirmed.accept(archiveId)) this.#scannedAtMs = -Infinity
    this.#identityChecked = true
  }

  async #archiveSegment(segment: SegmentItem, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options
    if (this.#unaccounted.has(segment.fileName)) await this.#continuity.check(segment, signal)
    const read = await this.#confirmed.fingerprint(segment.fileName)
    if ((await this.#segments.archive(segment, signal)) === 'quarantined') {
      this.#pending.quarantine(segment)
      return
    }
    this.#continuity.archived(segment)
    const nowMs = clock.nowMs()
    if (!(await this.#confirmed.add(segment, read, this.#scan, nowMs))) {
      // Replaced under us: what is there by now is to be archived, too.
      this.#scannedAtMs = -Infinity
      return
    }
    this.#pending.done(segment)
    this.#backlog.confirmed(segment)
    this.#archivedCount += 1
    this.#lastArchived = { walFileName: segment.walFileName, at: new Date(nowMs).toISOString() }
    logger.info(`archived segment "${segment.walFileName}"`)
  }

  async #archiveSmall(entry: Exclude<ArchiveEntry, SegmentItem>, signal: AbortSignal): Promise<void> {
    const context = { storage: this.#options.storage, layout: this.#layout, wal: this.#wal, inventory: this.#inventory }
    if (entry.kind === 'gap') {
      await archiveGapRecord(entry, context, signal)
      this.#pending.done(entry)
      return
    }
    const { history, conflict } = await archiveHistory(entry, context, this.#scan.entries, signal)
    if (conflict) {
      this.#gate.refuse(entry.timelineId, conflict)
      this.#pending.quarantine(entry)
    } else {
      this.#gate.take(entry.timelineId, history)
      this.#pending.done(entry)
    }
    // Segments have waited for it, or are held back from here on.
    this.#scannedAtMs = -Infinity
  }

  #fail(fileName: string, cause: unknown, startedAtMs: number): void {
    const failure = archiveFailure(`archive "${fileName}"`, cause)
    const nowMs = this.#options.clock.nowMs()
    const isIdentity = !this.#identityChecked
    this.#schedule.failed(isIdentity ? IDENTITY : fileName, failure, nowMs, startedAtMs)
    // Without an identity nothing else can go well: it is the storage's trouble, whatever it was.
    if (isIdentity && !this.#schedule.trouble) this.#schedule.failed(fileName, failure, nowMs)
    // After a trouble it may be another archive that answers.
    if (this.#schedule.trouble) this.#identityChecked = false
    this.#report(failure, Math.max(this.#schedule.trouble?.attempts ?? 0, this.#schedule.attemptsOf(fileName)))
  }

  #reportLasting(error: WalrError): void {
    this.#report({ kind: 'local', error, retryAfterMs: undefined }, 1)
  }

  #report(failure: ArchiveFailure, attempts: number): void {
    const nowMs = this.#options.clock.nowMs()
    const { code, message } = failure.error
    this.#lastError = { code, message, at: new Date(nowMs).toISOString(), attempts }
    this.#alarms.failed(failure, this.#backlog.count, nowMs)
    this.#tell()
  }

  async #newestLine(): Promise<NewestLine | undefined> {
    const timelineId = newestTimeline(this.#scan)
    if (timelineId === undefined) return undefined
    // One that cannot be read is as good as none; the attempts to archive say what is wrong with it.
    const history = timelineId === 1 ? [] : await this.#historyOf(timelineId).catch(() => undefined)
    return { timelineId, history }
  }

  #historyOf(timelineId: TimelineId): Promise<TimelineHistory | undefined> {
    return readLocalHistory(this.#scan.entries, timelineId, this.#wal)
  }

  async #rest(): Promise<void> {
    const { clock } = this.#options
    const nowMs = clock.nowMs()
    const scanInMs = this.#scannedAtMs + SCAN_INTERVAL_MS - nowMs
    const files = this.#pending.files.map(({ fileName }) => fileName)
    const names = [...files, ...(this.#asksForIdentity() ? [IDENTITY] : [])].filter((name) => !this.#running.has(name))
    const dueInMs = this.#schedule.nextDueMs(names) - nowMs
    // What is due and was not begun waits for the end of an attempt.
    const waitMs = names.length > 0 && dueInMs > 0 ? Math.min(scanInMs, dueInMs) : scanInMs
    await this.#wake.wait(clock, Math.max(0, waitMs))
  }

  #tell(): void {
    this.#options.onStatus(this.status)
  }
}
