import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { TreeDisk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { isSystemError } from '../errors/system-error.ts'
import { fingerprintOf, type FileFingerprint } from './file-fingerprint.ts'

/** Where they are, below pg_wal. */
export const ACKNOWLEDGEMENTS_FOLDER = join('.walr', 'archived')

/** No acknowledgement is as long as this. */
const MAX_BYTES = 4096

export interface AcknowledgementsOptions {
  readonly disk: TreeDisk
  /** pg_wal. */
  readonly walDirectory: string
  /** Stands for all that has to be the same when one is used: the run of the server, arguments, configuration. */
  readonly circumstances: string
}

/**
 * What the storage has confirmed before PostgreSQL asked for it: one small file for each, and for each of several archives that
 * one server fills. One counts only when it says, byte
 * by byte, what would be written now for the very file that is there: a file that was recycled, a copied directory, another
 * configuration and a torn note are all just different.
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
   * @returns false when another one is there by now.
   * @throws WalrError and errors of the system: then there is none.
   */
  async leave(name: string, read: FileFingerprint | undefined): Promise<boolean> {
    const { disk } = this.#options
    if (read === undefined || (await this.fingerprint(name)) !== read) return false
    await writeFileDurably(disk, this.#path(name), Buffer.from(this.#text(name, read)))
    return true
  }

  /** Whether there is one for the file that is there. */
  async has(name: string): Promise<boolean> {
    return (await this.#look(name)) === 'good'
  }

  /**
   * Uses one up. Should PostgreSQL not get to hear of it, it asks again, and the file is compared with the archive.
   * @returns whether there was one for the file that is there; one for another is removed, too.
   */
  async take(name: string): Promise<boolean> {
    const found = await this.#look(name)
    if (found !== 'none') await this.#options.disk.remove(this.#path(name))
    return found === 'good'
  }

  async #look(name: string): Promise<'good' | 'bad' | 'none'> {
    const text = await readSmallFile(this.#options.disk, this.#path(name))
    if (text === undefined) return 'none'
    const there = await this.fingerprint(name)
    return there !== undefined && text === this.#text(name, there) ? 'good' : 'bad'
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
    const { walDirectory, circumstances } = this.#options
    const whose = createHash('sha256').update(circumstances).digest('hex').slice(0, 16)
    return join(walDirectory, ACKNOWLEDGEMENTS_FOLDER, `${name}.${whose}`)
  }

  #text(name: string, fingerprint: FileFingerprint): string {
    const { circumstances } = this.#options
    return `${JSON.stringify({ format: 1, name, file: fingerprint, circumstances })}\n`
  }
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
