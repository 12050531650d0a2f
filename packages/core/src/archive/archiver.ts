import { join } from 'node:path'
import type { CodecPipeline } from '../codec/codec-pipeline.ts'
import type { TreeDisk } from '../disk/disk.ts'
import { isSystemError } from '../errors/system-error.ts'
import type { Storage } from '../plugins/contract/index.ts'
import type { Logger } from '../telemetry/logger.ts'
import { markArchived } from '../wal/archive-mark.ts'
import type { DirectoryIdentity } from '../wal/directory-identity.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { ArchiveEntry, SegmentItem } from './archive-entry.ts'
import { archiveFailure, type ArchiveFailure } from './archive-error.ts'
import { ensureArchiveIdentity } from './archive-identity.ts'
import { ArchiveInventory, type ArchivedGap } from './archive-inventory.ts'
import { ArchiveLayout, parseGapFileName } from './archive-layout.ts'
import { GAPS_FOLDER, scanDirectory, type DirectoryScan } from './archive-queue.ts'
import type { ArchiveErrorReport, ArchiveStatus } from './archive-status.ts'
import { ArchiverAlarms } from './archiver-alarms.ts'
import { Backlog } from './backlog.ts'
import type { Clock } from './clock.ts'
import { ConfirmedFiles } from './confirmed-files.ts'
import { Continuity } from './continuity.ts'
import { readHistory, type LocalWal } from './local-file.ts'
import { PendingFiles } from './pending-files.ts'
import { RetrySchedule } from './retry-schedule.ts'
import { SegmentArchiver } from './segment-archiver.ts'
import { archiveGapRecord, archiveHistory } from './small-file-archiver.ts'
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
const MAX_BUFFERED_BYTES = 67_108_864 // 64 MiB
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
  readonly #pending = new PendingFiles()
  readonly #wake = new WakeUp()
  readonly #idle: SegmentArchiver[] = []
  readonly #running = new Map<string, Promise<void>>()
  readonly #abort = new AbortController()
  #scan: DirectoryScan = { entries: [], newest: undefined, superseded: [] }
  #scannedAtMs = -Infinity
  /** File names of segments that begin a run: the archive is asked for the one before. */
  #unaccounted: ReadonlySet<string> = new Set()
  #failedLooks = 0
  #identityChecked = false
  #draining = false
  #archivedCount = 0
  #archivedLsn: string | undefined
  #lastArchived: ArchiveStatus['lastArchived']
  #lastError: ArchiveErrorReport | undefined
  #stopped = false

  constructor(options: ArchiverOptions) {
    this.#options = options
    const { disk, directory, cluster, identity, logger, storage, clock } = options
    const { walSegmentSize, systemIdentifier } = identity
    this.#layout = new ArchiveLayout(cluster, systemIdentifier)
    this.#wal = { disk, directory, systemIdentifier, walSegmentSize }
    this.#schedule = new RetrySchedule(options.random)
    this.#alarms = new ArchiverAlarms(logger)
    this.#confirmed = new ConfirmedFiles(options)
    this.#backlog = new Backlog(disk, directory, walSegmentSize)
    this.#continuity = new Continuity({
      disk,
      directory,
      walSegmentSize,
      inventory: new ArchiveInventory(storage, this.#layout, walSegmentSize),
      historyOf: (timelineId) => this.#historyOf(timelineId),
      logger,
      now: () => new Date(clock.nowMs()),
      guarded: options.guarded,
    })
  }

  /** Looks at the directory soon: something was finished there. */
  hint(): void {
    if (this.#pending.isFull) return
    this.#scannedAtMs = -Infinity
    this.#wake.now()
  }

  get status(): ArchiveStatus {
    const { archivedLsn, ...backlog } = this.#backlog.report(this.#options.clock.nowMs(), this.#continuity.heldLsn)
    if (this.#continuity.isSettled) this.#archivedLsn = archivedLsn
    return {
      state: this.#state(),
      archivedLsn: this.#archivedLsn,
      lastArchived: this.#lastArchived,
      backlog,
      archivedCount: this.#archivedCount,
      quarantined: this.#pending.quarantined,
      gapCount: this.#scan.entries.filter(({ kind }) => kind === 'gap').length,
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
      await this.#confirmed.load()
      while (!this.#abort.signal.aborted) {
        await this.#look()
        this.#start()
        this.#tell()
        if (this.#draining && this.#running.size === 0 && !this.#pending.needsScan) break
        await this.#rest()
      }
    } finally {
      stop.removeEventListener('abort', onStop)
      this.#abort.abort(new DOMException('the archiver has ended', 'AbortError'))
      await Promise.all(this.#running.values())
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
      const segments = this.#scan.entries.filter((entry) => entry.kind === 'segment')
      const open = segments.filter(({ fileName }) => !this.#confirmed.has(fileName))
      this.#continuity.noteVanished(open, (fileName) => this.#confirmed.has(fileName))
      this.#continuity.newest = this.#scan.newest
      this.#continuity.recorded = recordedGaps(this.#scan)
      this.#schedule.keepOnly(new Set([...this.#scan.entries.map((entry) => entry.fileName), IDENTITY]))
      this.#pending.update(this.#scan, (fileName) => this.#confirmed.has(fileName), this.#schedule)
      this.#unaccounted = new Set(this.#continuity.unaccounted(open).map(({ fileName }) => fileName))
      await this.#backlog.update(open)
      const names = segments.map(({ fileName }) => fileName)
      await this.#confirmed.sweep(names, this.#scan, nowMs)
      this.#failedLooks = 0
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
      await this.#continuity.checkVanished(signal)
      if (entry.kind === 'segment') await this.#archiveSegment(entry, signal)
      else await this.#archiveSmall(entry, signal)
      this.#succeeded(entry.fileName)
    } catch (error) {
      if (signal.aborted) return
      // Moved away under us: the next look shows what is there.
      if (isSystemError(error, 'ENOENT') && (await this.#isGone(entry))) this.#scannedAtMs = -Infinity
      else this.#fail(entry.fileName, error, startedAtMs)
    }
  }

  /** Never rejects. */
  async #isGone({ kind, fileName }: ArchiveEntry): Promise<boolean> {
    const { disk, directory } = this.#options
    const path = join(directory, kind === 'gap' ? GAPS_FOLDER : '', fileName)
    return disk.stat(path).then(
      (found) => found === undefined,
      () => false,
    )
  }

  async #ensureIdentity(signal: AbortSignal): Promise<void> {
    if (this.#identityChecked) return
    const { storage, cluster, identity, clock } = this.#options
    const owner = { layout: this.#layout, cluster, identity, now: new Date(clock.nowMs()) }
    const archiveId = await ensureArchiveIdentity(storage, owner, signal)
    // What leaves the directory, or was taken to be in the archive, depends on which archive that is.
    const { disk, directory, logger } = this.#options
    const before = await markArchived(disk, directory, { cluster, archiveId })
    if (before !== undefined) {
      logger.error(`the archive is not the one that this directory was archived to before (${before})`, {
        code: 'WALR_ARCHIVE_REPLACED',
        detail: `Its identity object has the id ${archiveId}. What was archived earlier is not in it.`,
        hint: 'If it was changed on purpose, take a new base backup. If not, walr may be looking at a volume that is not mounted.',
      })
    }
    if (await this.#confirmed.accept(archiveId)) this.#scannedAtMs = -Infinity
    this.#identityChecked = true
  }

  async #archiveSegment(segment: SegmentItem, signal: AbortSignal): Promise<void> {
    const { clock, logger, storage, codecs } = this.#options
    if (this.#unaccounted.has(segment.fileName)) await this.#continuity.check(segment, signal)
    const archiver =
      this.#idle.pop() ??
      new SegmentArchiver({
        storage,
        codecs,
        layout: this.#layout,
        wal: this.#wal,
        logger,
        maxBufferedBytes: MAX_BUFFERED_BYTES,
      })
    try {
      if ((await archiver.archive(segment, signal)) === 'quarantined') {
        this.#pending.quarantine(segment)
        return
      }
    } finally {
      this.#idle.push(archiver)
    }
    const nowMs = clock.nowMs()
    await this.#confirmed.add(segment.fileName, this.#scan, nowMs)
    this.#pending.done(segment)
    this.#continuity.archived(segment)
    this.#backlog.confirmed(segment)
    this.#archivedCount += 1
    this.#lastArchived = { walFileName: segment.walFileName, at: new Date(nowMs).toISOString() }
    logger.info(`archived segment "${segment.walFileName}"`)
  }

  async #archiveSmall(entry: Exclude<ArchiveEntry, SegmentItem>, signal: AbortSignal): Promise<void> {
    const { storage, logger } = this.#options
    const context = { storage, layout: this.#layout, wal: this.#wal, logger }
    if (entry.kind === 'gap') await archiveGapRecord(entry, context, signal)
    else await archiveHistory(entry, context, signal)
    this.#pending.done(entry)
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

  #report(failure: ArchiveFailure, attempts: number): void {
    const nowMs = this.#options.clock.nowMs()
    const { code, message } = failure.error
    this.#lastError = { code, message, at: new Date(nowMs).toISOString(), attempts }
    this.#alarms.failed(failure, this.#backlog.count, nowMs)
  }

  async #historyOf(timelineId: TimelineId): Promise<TimelineHistory | undefined> {
    for (const entry of this.#scan.entries) {
      if (entry.kind !== 'history' || entry.timelineId !== timelineId) continue
      return parseTimelineHistory(timelineId, (await readHistory(entry, this.#wal)).toString('utf8'))
    }
    return undefined
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

  #state(): ArchiveStatus['state'] {
    if (this.#stopped) return 'stopped'
    const kind = this.#schedule.trouble?.kind
    if (kind === 'outage') return 'outage'
    if (kind !== undefined) return 'refused'
    return this.#backlog.count > 0 ? 'working' : 'idle'
  }

  #tell(): void {
    this.#options.onStatus(this.status)
  }
}

function recordedGaps({ entries }: DirectoryScan): readonly ArchivedGap[] {
  return entries
    .filter(({ kind }) => kind === 'gap')
    .map(({ fileName }) => parseGapFileName(fileName))
    .filter((gap) => gap !== undefined)
}
