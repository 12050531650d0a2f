import { isStorageError, StorageError, type PluginLogger } from '@walr/core/plugin'
import { allDone } from './all-done.ts'
import { hasStatus, SFTP_STATUS, UnsupportedRequestError } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'

const { PERMISSION_DENIED, FAILURE, BAD_MESSAGE, OP_UNSUPPORTED } = SFTP_STATUS
/** Servers differ in what they say to the opening of a folder. */
const REFUSALS = [PERMISSION_DENIED, FAILURE, BAD_MESSAGE, OP_UNSUPPORTED] as const

/** What a folder is made durable with. */
export type FolderSession = Pick<SftpSession, 'open' | 'openFolder' | 'closeHandle' | 'sync'>

/**
 * Makes names durable. SFTP has no request for it, but OpenSSH opens a folder as it opens a file, and then fsync does it. A
 * server that does not open the base directory so, or has no fsync, is left alone from then on, and so is one that twice failed
 * to sync it and never did: some file systems cannot. A failure after a success is another thing: that is an error, each time.
 */
export class FolderSync {
  readonly #base: string
  readonly #log: PluginLogger
  #isPossible: Promise<boolean> | undefined
  #failedBefore = false

  constructor(base: string, log: PluginLogger) {
    this.#base = base
    this.#log = log
  }

  /**
   * When it resolves, the names in this folder are durable, as far as the server can promise it.
   * @throws StorageError Transient when the server has opened the folder and then failed to sync it.
   */
  sync(session: FolderSession, folder: string): Promise<void> {
    return this.syncAfter(session, folder, () => Promise.resolve())
  }

  /** As {@link sync}, for what `change` does there; the folder is opened meanwhile, which saves a round trip. */
  async syncAfter(session: FolderSession, folder: string, change: () => Promise<void>): Promise<void> {
    this.#isPossible ??= this.#probe(session)
    if (!(await this.#isPossible)) {
      await change()
      return
    }
    const [opened, changed] = await Promise.allSettled([session.open(folder, 'r'), change()])
    if (changed.status === 'rejected') {
      if (opened.status === 'fulfilled') await session.closeHandle(opened.value).catch(() => undefined)
      throw changed.reason
    }
    if (opened.status === 'rejected') throw opened.reason
    await this.#syncOpen(session, folder, opened.value)
  }

  async #probe(session: FolderSession): Promise<boolean> {
    try {
      const handle = await this.#openBase(session)
      if (handle === undefined) return false
      await this.#syncOpen(session, this.#base, handle)
      return true
    } catch (error) {
      // who misses fsync for files has said so
      if (error instanceof UnsupportedRequestError || hasStatus(error, OP_UNSUPPORTED)) return false
      if (this.#failedBefore && isStorageError(error, 'Transient')) {
        this.#warnOfNames('the server has twice failed to sync the base directory')
        return false
      }
      this.#failedBefore = isStorageError(error, 'Transient')
      this.#isPossible = undefined
      throw error
    }
  }

  #warnOfNames(reason: string): void {
    this.#log.warning(`the names of new files are only as durable as the server makes them by itself: ${reason}`)
  }

  /** @returns undefined when the server does not open folders as files. */
  async #openBase(session: FolderSession): Promise<Buffer | undefined> {
    try {
      return await session.open(this.#base, 'r')
    } catch (error) {
      if (!hasStatus(error, ...REFUSALS)) throw error
      // "failure" may also mean that nothing at all can be opened now
      if (hasStatus(error, FAILURE)) await session.closeHandle(await session.openFolder(this.#base))
      this.#warnOfNames(error.message)
      return undefined
    }
  }

  async #syncOpen(session: FolderSession, folder: string, handle: Buffer): Promise<void> {
    try {
      await allDone([session.sync(handle), session.closeHandle(handle)])
    } catch (cause) {
      if (!hasStatus(cause, FAILURE)) throw cause
      const message = `the server failed to make the names in "${folder}" durable: ${cause.message}`
      this.#log.warning(message)
      throw new StorageError('Transient', `${message}; the log of the server, and of its disk, may tell more`, {
        cause,
      })
    }
  }
}
