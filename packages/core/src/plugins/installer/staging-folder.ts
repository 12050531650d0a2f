import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isSystemError } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { dataDirectoryError } from './install-error.ts'
import { isLeftBehind } from './left-behind.ts'
import { makeFolders, removeEmpty } from './made-folders.ts'

const named = /^\.staging-(\d+)-/

/** Another walr may remove the empty folder `plugins/` at the same moment; that often at most. */
const MOST_ATTEMPTS = 5

/**
 * A folder below `plugins/` of a data directory, on the same file system as what is published there. Gone, with all that is in
 * it and with the folders that had to be made for it and are empty, when it is disposed of.
 */
export interface StagingFolder extends AsyncDisposable {
  readonly path: string
}

/**
 * Makes an empty folder for something that is about to be published, and removes what killed processes have left.
 * @throws WalrError WALR_WRITE_FAILED
 */
export async function makeStagingFolder(dataDirectory: string): Promise<StagingFolder> {
  const plugins = join(dataDirectory, 'plugins')
  for (let attempt = 1; ; attempt++) {
    let made: readonly string[] = []
    try {
      made = await makeFolders(dataDirectory, plugins)
      const path = join(plugins, `.staging-${process.pid}-${randomBytes(6).toString('hex')}`)
      await mkdir(path)
      await removeLeftovers(plugins)
      return {
        path,
        [Symbol.asyncDispose]: async () => {
          await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
          await removeEmpty(made)
        },
      }
    } catch (cause) {
      await removeEmpty(made)
      if (isGone(cause) && attempt < MOST_ATTEMPTS) continue
      if (cause instanceof WalrError) throw cause
      throw dataDirectoryError('make a folder in', plugins, cause)
    }
  }
}

function isGone(error: unknown): boolean {
  return isSystemError(error instanceof WalrError ? error.cause : error, 'ENOENT')
}

/** What cannot be removed is no obstacle: something that a killed npm has started may still be writing there. */
async function removeLeftovers(plugins: string): Promise<void> {
  const names = await readdir(plugins).catch(() => [])
  for (const name of names) {
    const pid = named.exec(name)?.[1]
    if (pid === undefined) continue
    const path = join(plugins, name)
    try {
      if (await isLeftBehind(path, Number(pid))) await rm(path, { recursive: true, force: true })
    } catch {
      // the next installation tries again
    }
  }
}
