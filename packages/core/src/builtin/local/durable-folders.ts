import { dirname, join } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'

/** Makes the folders that keys need below the base directory, durably. */
export class DurableFolders {
  readonly #disk: TreeDisk
  readonly #base: string
  readonly #mode: number
  /** Folders whose names were synced by this process: that one exists does not say that it would survive a crash. */
  readonly #durable: Set<string> = new Set<string>()

  constructor(disk: TreeDisk, base: string, mode: number) {
    this.#disk = disk
    this.#base = base
    this.#mode = mode
  }

  /** When it resolves, the folder of `key` is there and its name is durable. @returns its path. */
  async make(key: string): Promise<string> {
    let path = this.#base
    for (const name of key.split('/').slice(0, -1)) {
      path = join(path, name)
      if (this.#durable.has(path)) continue
      await this.#disk.makeDirectory(path, this.#mode)
      await this.#disk.syncDirectory(dirname(path))
      this.#durable.add(path)
    }
    return path
  }

  /** Somebody has removed a folder: nothing is known any more. */
  forget(): void {
    this.#durable.clear()
  }
}
