import { join } from 'node:path'
import type { Disk, TreeDisk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { isWalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { readWholeFile } from '../wal/read-whole-file.ts'
import { setAsideDamaged } from '../wal/damaged-segments.ts'
import type { DirectoryScan } from './archive-queue.ts'
import { fingerprintOf, type FileFingerprint } from './file-fingerprint.ts'

/** Where it is remembered which local files are in the archive while they are kept. */
export const CONFIRMED_FOLDER = join('.walr', 'archived')

/** What a scan found beside the files that may be removed. */
export type Neighbours = Pick<DirectoryScan, 'newest' | 'superseded'>

export interface ConfirmedFilesOptions {
  readonly disk: TreeDisk
  readonly directory: string
  /** How long a segment stays after its confirmation. */
  readonly keepLocalMs: number
  readonly logger: Logger
}

/**
 * The local segments that the storage has confirmed, and their removal (law 4). Two stay nevertheless: those that
 * `keepLocal` covers, and the newest segment of the directory, so that the directory always says where receiving goes on.
 * A confirmation is for one file, not for its name: another file under it is to be archived, and never removed for it.
 */
export class ConfirmedFiles {
  readonly #options: ConfirmedFilesOptions
  readonly #confirmed = new Map<string, Confirmation>()
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
  async add(fileName: string, read: FileFingerprint | undefined, scan: Neighbours, nowMs: number): Promise<boolean> {
    const { keepLocalMs } = this.#options
    const there = await this.fingerprint(fileName)
    if (read === undefined || (there !== undefined && there !== read)) return false
    const confirmation: Confirmation = { atMs: nowMs, fingerprint: read }
    this.#confirmed.set(fileName, confirmation)
    if (there === undefined) return true
    if (keepLocalMs > 0) await this.#keep(fileName, confirmation)
    else if (scan.newest?.fileName !== fileName) await this.#remove(fileName, scan)
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
   * Removes what need not stay any longer. A file that took the place of the confirmed one stays, and counts as unconfirmed.
   * @param names all files of the directory that are finished segments.
   */
  async sweep(names: readonly string[], scan: Neighbours, nowMs: number): Promise<void> {
    for (const name of names) {
      const confirmation = this.#confirmed.get(name)
      if (confirmation === undefined || nowMs - confirmation.atMs < this.#options.keepLocalMs) continue
      if (scan.newest?.fileName === name) continue
      const there = await this.#unlessRefused(`look at "${name}"`, this.fingerprint(name))
      if (there === confirmation.fingerprint) await this.#remove(name, scan)
      else if (there !== undefined) await this.#forget(name)
    }
    const there = new Set(names)
    const known = [...this.#confirmed.keys(), ...this.#remembered.keys()]
    for (const name of known) if (!there.has(name)) await this.#forget(name)
  }

  async #remove(name: string, { superseded }: Neighbours): Promise<void> {
    const { disk, directory, logger } = this.#options
    const leftOver = superseded.filter(({ walFileName }) => name.startsWith(walFileName))
    try {
      // Alone, an unfinished file of it would say that the segment was never finished. Nobody writes to it any more.
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
