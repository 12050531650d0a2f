import { join } from 'node:path'
import type { CodecPipeline } from '../codec/codec-pipeline.ts'
import type { Disk } from '../disk/disk.ts'
import { isSystemError } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { Storage } from '../plugins/contract/index.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { DirectoryIdentity } from '../wal/directory-identity.ts'
import { parseSegmentEntry } from '../wal/segment-directory.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { historyFileName } from '../wal/wal-file-name.ts'
import type { SegmentItem } from './archive-entry.ts'
import { ensureArchiveIdentity } from './archive-identity.ts'
import { ArchiveInventory } from './archive-inventory.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { isLeftUnfinished } from './left-segment.ts'
import type { LocalWal } from './local-file.ts'
import { SegmentArchiverPool } from './segment-archiver-pool.ts'
import type { ServerFile } from './server-file.ts'
import { archiveBackupHistory, archiveHistory } from './small-file-archiver.ts'

export interface ServerArchiverOptions {
  readonly disk: Disk
  readonly walDirectory: string
  readonly cluster: string
  readonly identity: DirectoryIdentity
  readonly storage: Storage
  readonly codecs: CodecPipeline
  readonly logger: Logger
}

/**
 * Archives files out of a server's own pg_wal, one by one as they are asked for, by the laws of the {@link Archiver}: the same
 * keys, the same checks, nothing overwritten. Nothing in pg_wal is touched.
 */
export class ServerArchiver {
  readonly #options: ServerArchiverOptions
  readonly #layout: ArchiveLayout
  readonly #wal: LocalWal
  readonly #inventory: ArchiveInventory
  readonly #segments: SegmentArchiverPool
  /** Timelines whose histories are being compared with the archive, or are in it. */
  readonly #histories = new Map<TimelineId, Promise<void>>()
  #archiveId: string | undefined

  constructor(options: ServerArchiverOptions) {
    const { disk, walDirectory, cluster, storage, identity } = options
    const { systemIdentifier, walSegmentSize } = identity
    this.#options = options
    this.#layout = new ArchiveLayout(cluster, systemIdentifier)
    this.#wal = { disk, directory: walDirectory, systemIdentifier, walSegmentSize }
    this.#inventory = new ArchiveInventory(storage, this.#layout, walSegmentSize)
    this.#segments = new SegmentArchiverPool({ ...options, layout: this.#layout, wal: this.#wal })
  }

  /**
   * Makes sure that the archive is this cluster's; to be called before anything is archived.
   * @throws WalrError WALR_ARCHIVE_WRONG_CLUSTER; StorageError.
   */
  async begin(signal: AbortSignal): Promise<void> {
    const { storage, cluster, identity } = this.#options
    this.#archiveId = await ensureArchiveIdentity(
      storage,
      { layout: this.#layout, cluster, identity, now: new Date() },
      signal,
    )
  }

  /**
   * The id that the archive got when it was begun: one that was begun anew has another one.
   * @throws WalrError WALR_INTERNAL before {@link begin} has resolved.
   */
  get archiveId(): string {
    if (this.#archiveId !== undefined) return this.#archiveId
    throw new WalrError('WALR_INTERNAL', 'the archive was not asked yet which one it is')
  }

  /**
   * When it resolves, the file is in the archive, and the storage has confirmed it.
   * @throws WalrError WALR_ARCHIVE_CONFLICT when other bytes are there under its name; others; what the storage and the
   * codecs throw.
   */
  async archive(file: ServerFile, signal: AbortSignal): Promise<void> {
    switch (file.kind) {
      case 'segment':
        return this.#archiveSegment(file.name, signal)
      case 'partial':
        return this.#archivePartial(this.#segment(file.walFileName), file.name, signal)
      case 'history':
        return this.#ensureHistory(file.timelineId, signal)
      case 'backup':
        return archiveBackupHistory(file.name, this.#smallFiles, signal)
    }
  }

  async #archiveSegment(name: string, signal: AbortSignal): Promise<void> {
    const segment = this.#segment(name)
    await this.#ensureHistories(segment, signal)
    if (await isLeftUnfinished(segment, this.#wal)) {
      this.#options.logger.notice(`"${name}" is not finished, and its timeline was left in it: archived as ".partial"`)
      await this.#archivePartial(segment, segment.walFileName, signal)
    } else {
      refuseIfQuarantined(name, await this.#segments.archive(segment, signal))
    }
  }

  async #archivePartial(
    segment: SegmentItem,
    fileName: (ServerFile & { kind: 'segment' | 'partial' })['name'],
    signal: AbortSignal,
  ): Promise<void> {
    await this.#ensureHistories(segment, signal)
    refuseIfQuarantined(fileName, await this.#segments.archivePartial({ ...segment, fileName }, signal))
  }

  #segment(name: string): SegmentItem {
    const { walSegmentSize } = this.#wal
    const entry = parseSegmentEntry(name, walSegmentSize)
    if (entry) return { ...entry, kind: 'segment', partial: false }
    const text = `"${name}" cannot be a segment of a server whose segments have ${walSegmentSize} bytes`
    throw new WalrError('WALR_WRONG_SEGMENT_SIZE', text)
  }

  get #smallFiles() {
    return { storage: this.#options.storage, layout: this.#layout, wal: this.#wal, inventory: this.#inventory }
  }

  /** No segment goes into the archive before the history of its timeline, and none of a timeline that it has another one of. */
  async #ensureHistories({ timelineId }: SegmentItem, signal: AbortSignal): Promise<void> {
    if (timelineId === 1) return
    try {
      await this.#ensureHistory(timelineId, signal)
    } catch (error) {
      // A server that was restored on this timeline may have none: then there is nothing to compare.
      if (!isSystemError(error, 'ENOENT')) throw error
      this.#options.logger.debug(`"${join(this.#wal.directory, historyFileName(timelineId))}" is not there`)
    }
  }

  #ensureHistory(timelineId: TimelineId, signal: AbortSignal): Promise<void> {
    const known = this.#histories.get(timelineId)
    if (known) return known
    const work = this.#archiveHistory(timelineId, signal)
    this.#histories.set(timelineId, work)
    work.catch(() => this.#histories.delete(timelineId))
    return work
  }

  async #archiveHistory(timelineId: TimelineId, signal: AbortSignal): Promise<void> {
    const item = { kind: 'history', fileName: historyFileName(timelineId), suffix: '', timelineId } as const
    // Its ancestors are compared with the archive here, whether or not they are asked for.
    const { conflict } = await archiveHistory(item, this.#smallFiles, [], signal)
    if (!conflict) return
    const { code, message, detail, hint = '' } = conflict
    throw new WalrError(code, message, { detail, hint: `${hint} ${KEPT_BY_SERVER}` })
  }
}

const KEPT_BY_SERVER = 'PostgreSQL keeps its file, and tries again for ever.'

function refuseIfQuarantined(name: string, outcome: 'archived' | 'quarantined'): void {
  if (outcome === 'archived') return
  throw new WalrError('WALR_ARCHIVE_CONFLICT', `"${name}" is not archived: its name is taken in the archive`, {
    hint: `${KEPT_BY_SERVER} Find out which of the two is right, and move the other one out of the way.`,
  })
}
