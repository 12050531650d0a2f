import { StorageError } from '@walr/core/plugin'
import type { SftpSession } from './sftp-session.ts'

/** The directory on the server that the storage lives in. */
export class BaseDirectory {
  /** As configured; relative to where the login starts unless it begins with a slash. */
  readonly path: string
  readonly #marker: string | undefined

  /** @param marker name of a file that tells that the right volume is mounted. */
  constructor(path: string, marker: string | undefined) {
    this.path = path
    this.#marker = marker
  }

  /** The path of something in it. */
  join(below: string): string {
    return this.path.endsWith('/') ? `${this.path}${below}` : `${this.path}/${below}`
  }

  /** True for the path, below the directory, of the marker. */
  isMarker(below: string): boolean {
    return below === this.#marker
  }

  /** For an operation that begins: an archive that seems empty makes PostgreSQL end its recovery too early. */
  async enter(session: SftpSession): Promise<void> {
    if (this.#marker !== undefined) await this.#checkMarker(session, this.#marker)
  }

  /** @throws StorageError, never NotFound, unless the directory, with its marker, is there. */
  async check(session: SftpSession): Promise<void> {
    const stats = await session.statIfThere(this.path)
    if (stats === undefined) {
      throw new StorageError(
        'Permanent',
        `the server has no directory "${this.path}" (option "directory"); create it there, or mount the volume that has it`,
      )
    }
    if (!stats.isDirectory()) throw new StorageError('Permanent', `"${this.path}" on the server is not a directory`)
    await this.enter(session)
  }

  async #checkMarker(session: SftpSession, marker: string): Promise<void> {
    if ((await session.statIfThere(this.join(marker))) !== undefined) return
    throw new StorageError(
      'Permanent',
      `directory "${this.path}" on the server has no file "${marker}" (option "marker"); mount the volume there, or put ` +
        'the file into it',
    )
  }
}
