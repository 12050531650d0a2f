import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { TreeDisk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { isSystemError } from '../errors/system-error.ts'
import { systemClock, type Clock } from './clock.ts'
import { fingerprintOf, type FileFingerprint } from './file-fingerprint.ts'

/** Where they are, below pg_wal. */
export const ACKNOWLEDGEMENTS_FOLDER = join('.walr', 'archived')

/** No acknowledgement is as long as this. */
const MAX_BYTES = 4096
/** Longer than PostgreSQL needs to ask for what one call has archived ahead. An archive can be lost in the meantime. */
const GOOD_FOR_MS = 30_000

export interface AcknowledgementsOptions {
  readonly disk: TreeDisk
  /** pg_wal. */
  readonly walDirectory: string
  /** Stands for all that has to be the same when one is used: the run of the server, arguments, configuration. */
  readonly circumstances: string
  /** The system's unless given. */
  readonly clock?: Pick<Clock, 'nowMs'>
}

/**
 * What the storage has confirmed before PostgreSQL asked for it: one small file for each, and for each of several archives that
 * one server fills. One counts only when it says, byte by byte, what would be written for the very file that is there: a file
 * that was recycled, a copied directory, another configuration and a torn note are all just different. It is about one archive,
 * which may be lost or replaced: so it names that, and counts for 30 s only.
 */
export class Acknowledgements {
  readonly #options: AcknowledgementsOptions

  constructor(options: AcknowledgementsOptions) {
    this.#options = options
  }

  /** Which file there is, to be taken before it is read for archiving; undefined without one. */
  fingerprint(name: string): Promise<FileFingerprint | undefined> {
    const { disk, walDirectory } = this.#options
    return fingerprintOf(disk, join(walDirectory, name))
  }

  /**
   * To be called when the storage has confirmed what was read, and not before; {@link prepare} comes first.
   * @param read which file that was.
   * @param archiveId the archive that it is in.
   * @returns false when another one is there by now.
   * @throws WalrError and errors of the system: then there is none.
   */
  async leave(name: string, read: FileFingerprint | undefined, archiveId: string): Promise<boolean> {
    const { disk } = this.#options
    const leftAtMs = this.#nowMs()
    if (read === undefined || (await this.fingerprint(name)) !== read) return false
    await writeFileDurably(disk, this.#path(name), Buffer.from(this.#text(name, read, { archiveId, leftAtMs })))
    return true
  }

  /** Whether there is one for the file that is there, and for this archive. */
  async has(name: string, archiveId: string): Promise<boolean> {
    return (await this.#look(name, archiveId)) === 'good'
  }

  /**
   * Uses one up. Should PostgreSQL not get to hear of it, it asks again, and the file is compared with the archive.
   * Which archive it is about is not compared: nobody has asked the archive yet.
   * @returns whether there was one for the file that is there; one for another, or an old one, is removed, too.
   */
  async take(name: string): Promise<boolean> {
    const found = await this.#look(name)
    if (found !== 'none') await this.#options.disk.remove(this.#path(name))
    return found === 'good'
  }

  /**
   * Removes all of these circumstances.
   * @throws errors of the system.
   */
  async withdraw(): Promise<void> {
    for (const name of await this.#names()) await this.#options.disk.remove(this.#path(name))
  }

  /**
   * Removes those of these circumstances that do not count in this archive.
   * @throws errors of the system.
   */
  async withdrawAllBut(archiveId: string): Promise<void> {
    for (const name of await this.#names()) {
      if (!(await this.has(name, archiveId))) await this.#options.disk.remove(this.#path(name))
    }
  }

  /** Names of the files for which there is one, good or bad. */
  async #names(): Promise<readonly string[]> {
    const { disk, walDirectory } = this.#options
    const suffix = this.#suffix
    try {
      const entries = await disk.list(join(walDirectory, ACKNOWLEDGEMENTS_FOLDER))
      return entries.filter(({ name }) => name.endsWith(suffix)).map(({ name }) => name.slice(0, -suffix.length))
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return []
      throw error
    }
  }

  async #look(name: string, archiveId?: string): Promise<'good' | 'bad' | 'none'> {
    const text = await readSmallFile(this.#options.disk, this.#path(name))
    if (text === undefined) return 'none'
    const about = readAbout(text)
    if (!about || !this.#isFresh(about) || (archiveId ?? about.archiveId) !== about.archiveId) return 'bad'
    const there = await this.fingerprint(name)
    return there !== undefined && text === this.#text(name, there, about) ? 'good' : 'bad'
  }

  #isFresh({ leftAtMs }: About): boolean {
    const ageMs = this.#nowMs() - leftAtMs
    // One from the future: the clock was set back, and its age is not known.
    return ageMs >= 0 && ageMs <= GOOD_FOR_MS
  }

  #nowMs(): number {
    return (this.#options.clock ?? systemClock).nowMs()
  }

  /**
   * Makes the place for them, and removes those of files that PostgreSQL knows nothing of any more.
   * @throws errors of the system: then none can be left.
   */
  async prepare(known: ReadonlySet<string>): Promise<void> {
    const { disk, walDirectory } = this.#options
    const folder = join(walDirectory, ACKNOWLEDGEMENTS_FOLDER)
    await disk.makeDirectory(join(walDirectory, '.walr'))
    await disk.makeDirectory(folder)
    for (const { name } of await disk.list(folder)) {
      const isKnown = !name.endsWith('.tmp') && known.has(name.slice(0, name.lastIndexOf('.')))
      if (!isKnown) await disk.remove(join(folder, name))
    }
  }

  #path(name: string): string {
    return join(this.#options.walDirectory, ACKNOWLEDGEMENTS_FOLDER, `${name}${this.#suffix}`)
  }

  get #suffix(): string {
    const whose = createHash('sha256').update(this.#options.circumstances).digest('hex').slice(0, 16)
    return `.${whose}`
  }

  #text(name: string, fingerprint: FileFingerprint, { archiveId, leftAtMs }: About): string {
    const { circumstances } = this.#options
    return `${JSON.stringify({ format: 2, name, file: fingerprint, circumstances, archiveId, leftAtMs })}\n`
  }
}

/** What only the acknowledgement itself knows. */
interface About {
  readonly archiveId: string
  readonly leftAtMs: number
}

function readAbout(text: string): About | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('archiveId' in value) || !('leftAtMs' in value)) return undefined
  const { archiveId, leftAtMs } = value
  return typeof archiveId === 'string' && typeof leftAtMs === 'number' ? { archiveId, leftAtMs } : undefined
}

/** Undefined when there is none, or something that is none of walr's. */
async function readSmallFile(disk: TreeDisk, path: string): Promise<string | undefined> {
  try {
    const file = await disk.open(path, 'read')
    try {
      const bytes = Buffer.alloc(MAX_BYTES)
      return bytes.toString('utf8', 0, await file.read(bytes, 0))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined
    throw error
  }
}
