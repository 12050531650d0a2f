import { join } from 'node:path'
import type { Disk, TreeDisk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { isWalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { readWholeFile } from '../wal/read-whole-file.ts'
import { setAsideDamaged } from '../wal/damaged-segments.ts'
import { byPosition, type SegmentEntry } from '../wal/segment-directory.ts'
import type { SegmentItem } from './archive-entry.ts'
import type { DirectoryScan } from './archive-queue.ts'
import { fingerprintOf, type FileFingerprint } from './file-fingerprint.ts'

/** Where it is remembered which local files are in the archive while they are kept. */
export const CONFIRMED_FOLDER = join('.walr', 'archived')

/** What a scan found, as far as it matters here. */
export type SegmentFiles = Pick<DirectoryScan, 'entries' | 'unfinished'>

export interface ConfirmedFilesOptions {
  readonly disk: TreeDisk
  readonly directory: string
  /** How long a segment stays after its confirmation. */
  readonly keepLocalMs: number
  readonly logger: Logger
}

/**
 * The local segments that the storage has confirmed, and their removal (law 4). Some stay nevertheless: those that
 * `keepLocal` covers, one that is being received in another file, and the newest confirmed one unless the segment behind
 * it has been begun: so the directory always says where receiving goes on, whatever else is named as a segment there.
 * A confirmation is for one file, not for its name: another file under it is to be archived, and never removed for it.
 */
export class ConfirmedFiles {
  readonly #options: ConfirmedFilesOptions
  readonly #confirmed = new Map<string, Confirmation>()
  /** The newest of them that was there. */
  #newest: SegmentEntry | undefined
  /** What an earlier run noted; nothing is removed for it before {@link accept}. */
  readonly #remembered = new Map<string, Remembered>()
  #archiveId: string | undefined

  constructor(options: ConfirmedFilesOptions) {
    this.#options = options
  }

  /**
   * Reads what an earlier run remembered. A record that cannot be read, or is about another file than the one that is
   * there, costs a comparison with the archive, no more.
   */
  async load(): Promise<void> {
    const { disk, directory, keepLocalMs } = this.#options
    if (keepLocalMs === 0) return
    const folder = join(directory, CONFIRMED_FOLDER)
    // On a full disk there is no making it, and removing what is archived is what makes room.
    await this.#unlessRefused(`make "${folder}"`, disk.makeDirectory(folder))
    const entries = await this.#unlessRefused(`list "${folder}"`, disk.list(folder))
    for (const { name, kind } of entries ?? []) {
      if (kind !== 'file') continue
      const path = join(folder, name)
      const record = await this.#unlessRefused(`read "${path}"`, readRecord(disk, path))
      const there = record && (await this.#unlessRefused(`look at "${name}"`, this.fingerprint(name)))
      if (record && there === record.fingerprint) this.#remembered.set(name, record)
      else await this.#unlessRefused(`remove "${path}"`, disk.remove(path))
    }
  }

  /** Whatever the system refuses is reported, and undefined. */
  async #unlessRefused<Result>(what: string, work: Promise<Result>): Promise<Result | undefined> {
    try {
      return await work
    } catch (error) {
      if (!isSystemError(error)) throw error
      this.#options.logger.warning(`could not ${what}: ${systemErrorText(error)}`)
      return undefined
    }
  }

  /** Whether the archive has this segment; as long as nobody has asked which archive that is, as far as is remembered. */
  has(fileName: string): boolean {
    return this.#confirmed.has(fileName) || this.#remembered.has(fileName)
  }

  /** Whether something is remembered of which it is not known yet whether it is of this archive. */
  get isUnproven(): boolean {
    return this.#remembered.size > 0
  }

  /**
   * This is the archive. What another one has confirmed says nothing about it: such segments are to be archived again.
   * @returns whether the directory should be looked at again: something may be removed now, or has to be archived.
   */
  async accept(archiveId: string): Promise<boolean> {
    const others: string[] = []
    const remembered = this.#remembered.size
    if (this.#archiveId !== undefined && this.#archiveId !== archiveId) {
      others.push(...this.#confirmed.keys())
      this.#confirmed.clear()
    }
    this.#archiveId = archiveId
    for (const [name, record] of this.#remembered) {
      if (record.archiveId === archiveId) this.#confirmed.set(name, record)
      else others.push(name)
    }
    this.#remembered.clear()
    for (const name of others) await this.#forget(name)
    return others.length + remembered > 0
  }

  /** Which file there is under this name, to be taken before it is read for archiving; undefined without one. */
  fingerprint(fileName: string): Promise<FileFingerprint | undefined> {
    const { disk, directory } = this.#options
    return fingerprintOf(disk, join(directory, fileName))
  }

  /**
   * To be called when the storage has confirmed what was read, and not before: the file is removed if it need not stay.
   * @param read which file that was.
   * @returns false when another one is there by now: nothing is known of that.
   */
  async add(
    segment: SegmentItem,
    read: FileFingerprint | undefined,
    scan: SegmentFiles,
    nowMs: number,
  ): Promise<boolean> {
    const { keepLocalMs } = this.#options
    const { fileName } = segment
    const there = await this.fingerprint(fileName)
    if (read === undefined || (there !== undefined && there !== read)) return false
    const confirmation: Confirmation = { atMs: nowMs, fingerprint: read }
    this.#confirmed.set(fileName, confirmation)
    if (there === undefined) return true
    const before = this.#newest
    this.#noteNewest(segment)
    if (keepLocalMs > 0) {
      await this.#keep(fileName, confirmation)
      return true
    }
    await this.#removeUnlessNeeded(segment, scan)
    // It had to stay until there was a newer one.
    if (before && before.fileName !== fileName) await this.#removeUnlessNeeded(before, scan)
    return true
  }

  async #keep(fileName: string, { atMs, fingerprint }: Confirmation): Promise<void> {
    const { disk, directory, logger } = this.#options
    const path = join(directory, CONFIRMED_FOLDER, fileName)
    const lines = [new Date(atMs).toISOString(), this.#archiveId ?? '', fingerprint, '']
    try {
      await writeFileDurably(disk, path, Buffer.from(lines.join('\n')))
    } catch (error) {
      // Without it the next run compares the segment with the archive once more.
      logger.warning(`could not write "${path}": ${systemErrorText(error)}`)
    }
  }

  /**
   * Removes what need not stay any longer. A file that took the place of the confirmed one stays, and counts as
   * unconfirmed.
   */
  async sweep(scan: SegmentFiles, nowMs: number): Promise<void> {
    const segments = scan.entries.filter((entry) => entry.kind === 'segment')
    const there = new Set(segments.map(({ fileName }) => fileName))
    const known = [...this.#confirmed.keys(), ...this.#remembered.keys()]
    for (const name of known) if (!there.has(name)) await this.#forget(name)
    await this.#findNewest(segments)
    for (const segment of segments) {
      const atMs = await this.#confirmedAtMs(segment.fileName, nowMs)
      if (atMs === undefined || nowMs - atMs < this.#options.keepLocalMs) continue
      await this.#removeUnlessNeeded(segment, scan)
    }
  }

  async #findNewest(segments: readonly SegmentItem[]): Promise<void> {
    const before = this.#newest
    let found: SegmentItem | undefined
    for (const segment of segments.toReversed()) {
      if (await this.#isConfirmedFile(segment.fileName)) found = segment
      if (found) break
    }
    // Others may have been confirmed meanwhile.
    if (this.#newest === before) this.#newest = found
    else if (found) this.#noteNewest(found)
  }

  #noteNewest(segment: SegmentItem): void {
    if (this.#newest === undefined || byPosition(this.#newest, segment) < 0) this.#newest = segment
  }

  /** Whether the very file that was confirmed is there; another one is forgotten. */
  async #isConfirmedFile(name: string): Promise<boolean> {
    const confirmation = this.#confirmed.get(name)
    if (confirmation === undefined) return false
    const there = await this.#unlessRefused(`look at "${name}"`, this.fingerprint(name))
    if (there !== undefined && there !== confirmation.fingerprint) await this.#forget(name)
    return there === confirmation.fingerprint
  }

  /** A time to come is of a clock that was ahead: it is taken for now. */
  async #confirmedAtMs(name: string, nowMs: number): Promise<number | undefined> {
    const confirmation = this.#confirmed.get(name)
    if (confirmation === undefined || confirmation.atMs <= nowMs) return confirmation?.atMs
    const corrected = { ...confirmation, atMs: nowMs }
    this.#confirmed.set(name, corrected)
    if (this.#options.keepLocalMs > 0) await this.#keep(name, corrected)
    return nowMs
  }

  async #removeUnlessNeeded(segment: SegmentEntry, { unfinished }: SegmentFiles): Promise<void> {
    // It may be being written; the receiver says what is to be done when it finds the finished one in its way.
    if (unfinished.at(-1)?.walFileName === segment.walFileName) return
    const isFollowed = unfinished.some(
      ({ timelineId, segmentNumber }) =>
        timelineId === segment.timelineId && segmentNumber === segment.segmentNumber + 1n,
    )
    const isOlder = this.#newest !== undefined && byPosition(segment, this.#newest) < 0
    if (!isOlder && !isFollowed) return
    if (!(await this.#isConfirmedFile(segment.fileName))) return
    const leftOver = unfinished.filter(({ walFileName }) => walFileName === segment.walFileName)
    await this.#remove(segment.fileName, leftOver)
  }

  async #remove(name: string, leftOver: readonly SegmentEntry[]): Promise<void> {
    const { disk, directory, logger } = this.#options
    try {
      // Alone, an unfinished file of it would say that the segment was never finished.
      for (const { from, to } of await setAsideDamaged(disk, directory, leftOver)) {
        logger.notice(`moved "${from}" to "${to}": the segment was finished in another form, and is in the archive`)
      }
      await disk.remove(join(directory, name))
    } catch (error) {
      // It is in the archive; the next sweep tries again.
      if (!isSystemError(error) && !isWalrError(error)) throw error
      logger.warning(`could not remove the archived file "${join(directory, name)}": ${systemErrorText(error)}`)
      return
    }
    // It stays known until a scan no longer finds it: one that began before may still have listed it.
    logger.debug(`removed "${name}", which is in the archive`)
  }

  async #forget(name: string): Promise<void> {
    const { disk, directory, keepLocalMs } = this.#options
    this.#confirmed.delete(name)
    this.#remembered.delete(name)
    if (this.#newest?.fileName === name) this.#newest = undefined
    if (keepLocalMs === 0) return
    // One that stays is read at the next start, and forgotten again.
    const path = join(directory, CONFIRMED_FOLDER, name)
    await this.#unlessRefused(`remove "${path}"`, disk.remove(path))
  }
}

interface Confirmation {
  readonly atMs: number
  /** The file that was read when its content was confirmed. */
  readonly fingerprint: FileFingerprint
}

/** A confirmation as it is kept in a file. */
interface Remembered extends Confirmation {
  /** The archive that has confirmed it. */
  readonly archiveId: string
}

/** Undefined for a record that is not whole: JavaScript takes the year alone for a date, too. */
async function readRecord(disk: Disk, path: string): Promise<Remembered | undefined> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readWholeFile(disk, path)) chunks.push(chunk)
  const [text = '', archiveId = '', fingerprint = ''] = Buffer.concat(chunks).toString('utf8').split('\n')
  const date = new Date(text)
  if (archiveId === '' || Number.isNaN(date.getTime()) || date.toISOString() !== text) return undefined
  return { atMs: date.getTime(), archiveId, fingerprint: fingerprint as FileFingerprint }
}
