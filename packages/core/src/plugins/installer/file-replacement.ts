import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { access, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'

/** New contents of a file, written beside it and durable, that have not taken its place yet. Gone when it is disposed of. */
export interface FileReplacement extends AsyncDisposable {
  /**
   * Takes the place of the file, in one step.
   * @throws WalrError WALR_WRITE_FAILED, or WALR_CONFIG when somebody has changed the file meanwhile; then nothing has changed.
   */
  commit(): Promise<void>
}

/**
 * Prepares to replace a text file, behind symbolic links, keeping its mode and owner.
 * @param edit makes the new contents of the old ones.
 * @returns undefined when they are the same.
 * @throws WalrError WALR_WRITE_FAILED, and what `edit` throws.
 */
export async function prepareReplacement(
  path: string,
  edit: (text: string) => string,
): Promise<FileReplacement | undefined> {
  const before = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw notWritten(path, cause)
  })
  const after = edit(before)
  if (after === before) return undefined
  let temporary: string | undefined
  try {
    const file = await realpath(path)
    await access(file, constants.W_OK)
    const written = `${file}.walr-${randomBytes(6).toString('hex')}`
    temporary = written
    await writeAlike(written, await stat(file), after)
    return {
      commit: () => replace(written, file, before),
      [Symbol.asyncDispose]: () => rm(written, { force: true }),
    }
  } catch (cause) {
    if (temporary !== undefined) await rm(temporary, { force: true })
    throw notWritten(path, cause)
  }
}

async function writeAlike(path: string, { mode, uid, gid }: Stats, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    if (uid !== process.getuid?.() || gid !== process.getgid?.()) await handle.chown(uid, gid)
    await handle.chmod(mode & 0o7777)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function replace(temporary: string, file: string, before: string): Promise<void> {
  if ((await readFile(file, 'utf8')) !== before) {
    throw new WalrError('WALR_CONFIG', `configuration file "${file}" was changed by somebody else meanwhile`, {
      hint: 'Nothing was changed. Run the command again.',
    })
  }
  try {
    await rename(temporary, file)
  } catch (cause) {
    throw notWritten(file, cause)
  }
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function notWritten(path: string, cause: unknown): WalrError {
  return new WalrError('WALR_WRITE_FAILED', `could not replace file "${path}": ${systemErrorText(cause)}`, {
    cause,
    hint: 'With "--no-config" plugins are installed without touching the configuration.',
  })
}
