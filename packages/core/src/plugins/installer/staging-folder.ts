import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isSystemError } from '../../errors/system-error.ts'
import { dataDirectoryError } from './install-error.ts'

const OLD_MS = 24 * 3600 * 1000
const named = /^\.staging-(\d+)-/

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
  const made = await makeFolders(plugins)
  try {
    await removeLeftovers(plugins)
    const path = join(plugins, `.staging-${process.pid}-${randomBytes(6).toString('hex')}`)
    await mkdir(path)
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
        await removeEmpty(made)
      },
    }
  } catch (cause) {
    await removeEmpty(made)
    throw dataDirectoryError('make a folder in', plugins, cause)
  }
}

/** Makes a folder and those above it, for everybody to read. @returns those that were not there, the innermost first. */
export async function makeFolders(path: string): Promise<readonly string[]> {
  const missing: string[] = []
  for (let folder = path; !(await isThere(folder)); folder = dirname(folder)) missing.push(folder)
  const made: string[] = []
  for (const folder of [...missing].reverse()) {
    try {
      await mkdir(folder)
      made.unshift(folder)
      await chmod(folder, 0o755)
    } catch (cause) {
      if (isSystemError(cause, 'EEXIST')) continue
      await removeEmpty(made)
      throw dataDirectoryError('make folder', folder, cause)
    }
  }
  return made
}

/** Removes those of the folders that are empty. Another installation may use them by now. */
export async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    try {
      await rmdir(folder)
    } catch (error) {
      if (isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) continue
      throw error
    }
  }
}

async function removeLeftovers(plugins: string): Promise<void> {
  for (const name of await readdir(plugins)) {
    const pid = named.exec(name)?.[1]
    const path = join(plugins, name)
    if (pid !== undefined && (!isAlive(Number(pid)) || (await ageMs(path)) > OLD_MS)) {
      await rm(path, { recursive: true, force: true })
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return !isSystemError(error, 'ESRCH')
  }
}

async function ageMs(path: string): Promise<number> {
  try {
    return Date.now() - (await stat(path)).mtimeMs
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return 0
    throw error
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT')) return false
    throw dataDirectoryError('look at', path, cause)
  }
}
