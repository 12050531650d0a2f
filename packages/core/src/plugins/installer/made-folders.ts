import { chmod, mkdir, rmdir, stat } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { isSystemError } from '../../errors/system-error.ts'
import { dataDirectoryError } from './install-error.ts'

/**
 * Makes a folder of a data directory and those above it. Those of the data directory are for everybody to read, whatever the
 * umask is; those above it are as the umask wants them, unless root makes them, who installs for everybody.
 * @returns those that were not there, the innermost first.
 * @throws WalrError WALR_WRITE_FAILED
 */
export async function makeFolders(
  dataDirectory: string,
  path: string,
  isForAll = process.getuid?.() === 0,
): Promise<readonly string[]> {
  const missing: string[] = []
  for (let folder = path; !(await isThere(folder)); folder = dirname(folder)) missing.push(folder)
  const made: string[] = []
  for (const folder of [...missing].reverse()) {
    try {
      await mkdir(folder)
      made.unshift(folder)
      if (isForAll || folder === dataDirectory || folder.startsWith(dataDirectory + sep)) await chmod(folder, 0o755)
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

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (cause) {
    if (isSystemError(cause, 'ENOENT')) return false
    throw dataDirectoryError('look at', path, cause)
  }
}
