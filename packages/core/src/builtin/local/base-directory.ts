import { join } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import { StorageError } from '../../plugins/contract/index.ts'
import { localStorageError } from './local-error-map.ts'

/**
 * The directory that a local storage lives in, and the knowledge whether it still is that one: an unmounted volume leaves
 * an empty directory behind, and an archive that seems empty makes PostgreSQL end its recovery too early (law 2).
 */
export class BaseDirectory {
  /** Absolute. */
  readonly path: string
  readonly #disk: TreeDisk
  readonly #marker: string | undefined
  #identity: string | undefined
  #entering: Promise<void> | undefined

  /** @param marker name of a file that tells the right volume; without it, the first directory seen is the right one. */
  constructor(disk: TreeDisk, path: string, marker: string | undefined) {
    this.#disk = disk
    this.path = path
    this.#marker = marker
  }

  /**
   * {@link check} for an operation that begins. Those that come while it is under way share it: a mount that does not answer
   * blocks one thread of the process for them all, not one for each attempt.
   */
  enter(): Promise<void> {
    this.#entering ??= this.check().finally(() => {
      this.#entering = undefined
    })
    return this.#entering
  }

  /** @throws StorageError, never NotFound, unless the directory is there and still is the same. */
  async check(): Promise<void> {
    const stat = await this.#stat(this.path)
    if (stat === undefined) {
      throw new StorageError(
        'Permanent',
        `directory "${this.path}" does not exist; create it, or mount the volume that has it`,
      )
    }
    if (stat.kind !== 'directory') throw new StorageError('Permanent', `"${this.path}" is not a directory`)
    if (this.#marker !== undefined) await this.#checkMarker(this.#marker)
    else this.#checkIdentity(stat.identity)
  }

  async #checkMarker(marker: string): Promise<void> {
    if ((await this.#stat(join(this.path, marker))) !== undefined) return
    throw new StorageError(
      'Permanent',
      `directory "${this.path}" has no file "${marker}" (option "marker"); mount the volume, or put the file there`,
    )
  }

  #checkIdentity(identity: string): void {
    this.#identity ??= identity
    if (identity === this.#identity) return
    throw new StorageError(
      'Permanent',
      `"${this.path}" is another directory than before (device:inode ${identity}, it was ${this.#identity}); ` +
        'mount the volume again, or start walr again if the change is meant',
    )
  }

  async #stat(path: string): ReturnType<TreeDisk['stat']> {
    try {
      return await this.#disk.stat(path)
    } catch (error) {
      throw localStorageError(error)
    }
  }
}
