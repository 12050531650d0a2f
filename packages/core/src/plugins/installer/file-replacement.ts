import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { access, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { nodeDisk } from '../../disk/node-disk.ts'
import { systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { isLeftBehind } from './left-behind.ts'
import type { Publication } from './publication.ts'

/** New contents of a file that have not taken its place yet. Nothing of them is on disk. */
export interface FileReplacement {
  /**
   * Takes the place of the file, durably and in one step. To take it back puts the old contents there again, durably, too.
   * @throws WalrError WALR_WRITE_FAILED, or WALR_CONFIG when somebody has changed the file meanwhile; then nothing has changed.
   */
  commit(): Promise<Publication>
}

/**
 * Prepares to replace a text file, behind symbolic links, keeping its mode and owner. Removes what processes that were killed
 * while they replaced it have left beside it.
 * @param edit makes the new contents of the old ones.
 * @returns undefined when they are the same.
 * @throws WalrError WALR_CONFIG when it is not UTF-8, WALR_WRITE_FAILED, and what `edit` throws.
 */
export async function prepareReplacement(
  path: string,
  edit: (text: string) => string,
): Promise<FileReplacement | undefined> {
  const before = await readFile(path).catch((cause: unknown) => {
    throw notWritten(path, cause)
  })
  const after = Buffer.from(edit(utf8Text(before)))
  let file: string
  try {
    file = await realpath(path)
    await removeLeftovers(file)
    if (after.equals(before)) return undefined
    await access(file, constants.W_OK)
    await access(dirname(file), constants.W_OK)
  } catch (cause) {
    throw notWritten(path, cause)
  }
  return {
    async commit() {
      await replace(file, before, after)
      return { takeBack: () => replace(file, after, before), settle: () => Promise.resolve() }
    },
  }
}

/** Whatever is not UTF-8 would come back as something else. */
function utf8Text(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  const again = Buffer.from(text)
  if (again.equals(bytes)) return text
  const at = bytes.findIndex((byte, index) => byte !== again[index])
  const line = bytes.subarray(0, at).filter((byte) => byte === 0x0a).length + 1
  throw new WalrError('WALR_CONFIG', `it is not UTF-8 (line ${line})`)
}

async function replace(file: string, before: Buffer, after: Buffer): Promise<void> {
  const temporary = `${file}.walr-${process.pid}-${randomBytes(6).toString('hex')}`
  try {
    await writeAlike(temporary, await stat(file), after)
    if (!(await readFile(file)).equals(before)) throw changedMeanwhile(file)
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw cause instanceof WalrError ? cause : notWritten(file, cause)
  }
  // It counts from now on. A disk that cannot say whether it will after a power cut, too, is no reason to take it for undone.
  await nodeDisk.syncDirectory(dirname(file)).catch(() => undefined)
}

async function writeAlike(path: string, { mode, uid, gid }: Stats, content: Buffer): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    if (uid !== process.getuid?.() || gid !== process.getgid?.()) await handle.chown(uid, gid)
    await handle.chmod(mode & 0o7777)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** They have all that the file has, its secrets too. Where they cannot be removed they hinder nobody. */
async function removeLeftovers(file: string): Promise<void> {
  const [folder, start] = [dirname(file), `${basename(file)}.walr-`]
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    const pid = name.startsWith(start) ? /^(\d+)-[0-9a-f]{12}$/.exec(name.slice(start.length))?.[1] : undefined
    if (pid === undefined) continue
    const path = join(folder, name)
    try {
      if (await isLeftBehind(path, Number(pid))) await rm(path, { force: true })
    } catch {
      // the next change tries again
    }
  }
}

function changedMeanwhile(file: string): WalrError {
  return new WalrError('WALR_CONFIG', `configuration file "${file}" was changed by somebody else meanwhile`, {
    hint: 'Nothing was changed. Run the command again.',
  })
}

function notWritten(path: string, cause: unknown): WalrError {
  return new WalrError('WALR_WRITE_FAILED', `could not replace file "${path}": ${systemErrorText(cause)}`, {
    cause,
    hint: 'With "--no-config" plugins are installed without touching the configuration.',
  })
}
