import type { PluginLogger } from '@walr/core/plugin'
import { allDone } from './all-done.ts'
import { hasStatus, SFTP_STATUS, UnsupportedRequestError } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'

/**
 * Makes names durable. SFTP has no request for it, but OpenSSH opens a folder as it opens a file, and then fsync does it. A
 * server on which that does not work for the base directory is left alone from then on.
 */
export class FolderSync {
  readonly #base: string
  readonly #log: PluginLogger
  #isPossible: Promise<boolean> | undefined

  constructor(base: string, log: PluginLogger) {
    this.#base = base
    this.#log = log
  }

  /** When it resolves, the names in this folder are durable, as far as the server can promise it. */
  sync(session: SftpSession, folder: string): Promise<void> {
    return this.syncAfter(session, folder, () => Promise.resolve())
  }

  /** As {@link sync}, for what `change` does there; the folder is opened meanwhile, which saves a round trip. */
  async syncAfter(session: SftpSession, folder: string, change: () => Promise<void>): Promise<void> {
    this.#isPossible ??= this.#probe(session)
    if (await this.#isPossible) await syncFolder(session, folder, change)
    else await change()
  }

  async #probe(session: SftpSession): Promise<boolean> {
    try {
      await syncFolder(session, this.#base, () => Promise.resolve())
      return true
    } catch (error) {
      if (isRefusal(error)) {
        const reason = error instanceof Error ? error.message : String(error)
        this.#log.info(`the names of new files are as durable as the server makes them by itself: ${reason}`)
        return false
      }
      this.#isPossible = undefined
      throw error
    }
  }
}

async function syncFolder(session: SftpSession, folder: string, change: () => Promise<void>): Promise<void> {
  const [opened, changed] = await Promise.allSettled([session.open(folder, 'r'), change()])
  if (changed.status === 'rejected') {
    if (opened.status === 'fulfilled') await session.closeHandle(opened.value).catch(() => undefined)
    throw changed.reason
  }
  if (opened.status === 'rejected') throw opened.reason
  await allDone([session.sync(opened.value), session.closeHandle(opened.value)])
}

function isRefusal(error: unknown): boolean {
  const { NO_SUCH_FILE } = SFTP_STATUS
  if (error instanceof UnsupportedRequestError) return true
  // every other status: servers differ in what they say to the opening of a folder
  return hasStatus(error, 3, 4, 5, 8) && !hasStatus(error, NO_SUCH_FILE)
}
