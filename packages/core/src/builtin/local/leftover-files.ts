import { join } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import type { HookContext } from '../../plugins/contract/index.ts'
import { localStorageError } from './local-error-map.ts'
import { isTemporaryName } from './temporary-name.ts'

/** A file that nobody has written to for this long is nobody's: the put that made it has ended without removing it. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000

/** Temporary files that a crash has left in the base directory. */
export class LeftoverFiles {
  readonly #disk: TreeDisk
  readonly #base: string
  readonly #context: Pick<HookContext, 'log' | 'now'>
  #removing: Promise<void> | undefined

  constructor(disk: TreeDisk, base: string, context: Pick<HookContext, 'log' | 'now'>) {
    this.#disk = disk
    this.#base = base
    this.#context = context
  }

  /** Removes them, once in the life of the process. Never rejects: they are invisible, and harm nobody. */
  removeOnce(): Promise<void> {
    this.#removing ??= this.#remove()
    return this.#removing
  }

  async #remove(): Promise<void> {
    const { log, now } = this.#context
    try {
      const count = await this.#removeOld(now().getTime())
      if (count > 0) log.info(`removed ${count} temporary files that an earlier process left in "${this.#base}"`)
    } catch (error) {
      log.warning(`could not remove temporary files from "${this.#base}": ${localStorageError(error).message}`)
    }
  }

  async #removeOld(nowMs: number): Promise<number> {
    let count = 0
    for (const { name, kind } of await this.#disk.list(this.#base)) {
      if (kind !== 'file' || !isTemporaryName(name)) continue
      const path = join(this.#base, name)
      const stat = await this.#disk.stat(path)
      if (stat === undefined || nowMs - stat.modifiedAt.getTime() < LEFTOVER_AGE_MS) continue
      await this.#disk.remove(path)
      count += 1
    }
    return count
  }
}
