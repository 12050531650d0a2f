import type { BaseDirectory } from './base-directory.ts'
import type { FolderSync } from './folder-sync.ts'
import type { SftpSession } from './sftp-session.ts'
import { SftpStatusError } from './sftp-errors.ts'

/** Makes the folders that keys need below the base directory, and makes their names durable. */
export class RemoteFolders {
  readonly #base: BaseDirectory
  readonly #sync: FolderSync
  readonly #mode: number
  /** Folders whose names this process has made durable: that one exists does not say that it would survive a crash. */
  readonly #durable = new Set<string>()

  constructor(base: BaseDirectory, sync: FolderSync, mode: number) {
    this.#base = base
    this.#sync = sync
    this.#mode = mode
  }

  /** When it resolves, the folder of the object at `below` is there. @returns its path. */
  async make(session: SftpSession, below: string): Promise<string> {
    let path = this.#base.path
    let inBase = ''
    for (const name of below.split('/').slice(0, -1)) {
      const parent = path
      inBase = inBase === '' ? name : `${inBase}/${name}`
      path = this.#base.join(inBase)
      if (this.#durable.has(path)) continue
      await makeFolder(session, path, this.#mode)
      await this.#sync.sync(session, parent)
      this.#durable.add(path)
    }
    return path
  }

  /** Somebody has removed a folder: nothing is known any more. */
  forget(): void {
    this.#durable.clear()
  }
}

/** Servers say "failure" of a folder that is there; somebody else may make it in the same moment. */
async function makeFolder(session: SftpSession, path: string, mode: number): Promise<void> {
  try {
    await session.makeFolder(path, mode)
  } catch (error) {
    if (!(error instanceof SftpStatusError)) throw error
    const stats = await session.statIfThere(path)
    if (stats?.isDirectory() !== true) throw error
  }
}
