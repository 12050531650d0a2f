import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'

/**
 * Writes files into a folder that does not exist, or is empty. They appear all at once where it does not exist; when
 * something fails, nothing is left of them.
 * @param directory absolute; the folder that it is in has to exist.
 * @param files their paths, relative and with `/`, and their texts.
 * @throws WalrError WALR_USAGE when there is something in the folder, WALR_WRITE_FAILED or WALR_DISK_FULL.
 */
export async function writeNewFolder(directory: string, files: ReadonlyMap<string, string>): Promise<void> {
  const random = randomBytes(6).toString('hex')
  const moved: string[] = []
  let staging: string | undefined
  try {
    const isThere = await isEmptyFolder(directory)
    staging = isThere
      ? join(directory, `.new-${random}`)
      : join(dirname(directory), `.${basename(directory)}-${random}`)
    await mkdir(staging)
    for (const [path, text] of files) {
      const file = join(staging, path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, text, { flag: 'wx' })
    }
    if (isThere) await moveUp(staging, directory, moved)
    else await publish(staging, directory)
  } catch (error) {
    const left = [...(staging === undefined ? [] : [staging]), ...moved]
    // Whatever stands in the way of removing them is less important than the first failure.
    await Promise.allSettled(left.map((path) => rm(path, { recursive: true, force: true })))
    throw writeError(directory, error)
  }
}

/** False when there is nothing. @throws WalrError WALR_USAGE when it is in use. */
async function isEmptyFolder(directory: string): Promise<boolean> {
  try {
    const [first] = await readdir(directory)
    if (first === undefined) return true
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false
    if (!isSystemError(error, 'ENOTDIR')) throw error
  }
  throw inUse(directory)
}

async function publish(staging: string, directory: string): Promise<void> {
  try {
    await rename(staging, directory)
  } catch (error) {
    // Somebody else was faster.
    if (isSystemError(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw inUse(directory)
    throw error
  }
}

async function moveUp(staging: string, directory: string, moved: string[]): Promise<void> {
  for (const name of await readdir(staging)) {
    const target = join(directory, name)
    await rename(join(staging, name), target)
    moved.push(target)
  }
  await rmdir(staging)
}

function writeError(directory: string, cause: unknown): unknown {
  if (!isSystemError(cause)) return cause
  const code = isSystemError(cause, 'ENOSPC', 'EDQUOT') ? 'WALR_DISK_FULL' : 'WALR_WRITE_FAILED'
  const missing = isSystemError(cause, 'ENOENT') ? { hint: `Create the folder "${dirname(directory)}" first.` } : {}
  return new WalrError(code, `could not write folder "${directory}": ${systemErrorText(cause)}`, { cause, ...missing })
}

function inUse(directory: string): WalrError {
  return new WalrError('WALR_USAGE', `there is something in the folder "${directory}" already`, {
    hint: 'Nothing is overwritten. Give another folder with "--directory".',
  })
}
