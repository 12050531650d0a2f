import type { HookContext } from '@walr/core/plugin'
import type { BaseDirectory } from './base-directory.ts'
import { sftpStorageError } from './error-map.ts'
import { readFolder } from './read-folder.ts'
import type { SftpSession } from './sftp-session.ts'
import { isTemporaryName } from './temporary-name.ts'

/** A file that nobody has written to for this long is nobody's: the put that made it has ended without removing it. */
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1000

/** Temporary files that a crash, or a lost connection, has left in the base directory. */
export class LeftoverFiles {
  readonly #base: BaseDirectory
  readonly #context: Pick<HookContext, 'log' | 'now'>
  #removing: Promise<void> | undefined

  constructor(base: BaseDirectory, context: Pick<HookContext, 'log' | 'now'>) {
    this.#base = base
    this.#context = context
  }

  /** Removes them, once in the life of the storage. Never rejects: they are invisible, and harm nobody. */
  removeOnce(session: SftpSession): Promise<void> {
    this.#removing ??= this.#remove(session)
    return this.#removing
  }

  async #remove(session: SftpSession): Promise<void> {
    const { log, now } = this.#context
    try {
      const count = await this.#removeOld(session, now().getTime())
      if (count > 0) log.info(`removed ${count} temporary files that were left in "${this.#base.path}" on the server`)
    } catch (error) {
      log.debug(sftpStorageError(error, 'could not remove temporary files that were left').message)
    }
  }

  async #removeOld(session: SftpSession, nowMs: number): Promise<number> {
    const old: string[] = []
    await readFolder(session, this.#base.path, ({ filename, attrs }) => {
      // whatever else is there may be very much older
      if (isTemporaryName(filename) && nowMs - attrs.mtime * 1000 >= LEFTOVER_AGE_MS) old.push(filename)
    })
    for (const name of old) await session.remove(this.#base.join(name))
    return old.length
  }
}
