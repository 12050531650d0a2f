import type { ListOptions, StoredObject } from '@walr/core/plugin'
import type { Attributes, FileEntryWithStats } from 'ssh2'
import { keyFolder, type SftpAccess } from './access.ts'
import { isReserved } from './object-path.ts'
import { readFolder } from './read-folder.ts'
import { hasStatus, SFTP_STATUS } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'

const FILE_TYPE = { mask: 0o170000, folder: 0o040000, file: 0o100000, link: 0o120000 } as const

/** What of the tree of folders is wanted; paths are below the base directory. */
interface Walk {
  readonly access: SftpAccess
  readonly session: SftpSession
  readonly prefix: string
  readonly startAfter: string | undefined
  readonly signal: AbortSignal
}

/** A file, or a folder with a slash at its end, which puts it where its keys belong among the others. */
interface Entry {
  readonly path: string
  readonly attributes: Attributes
}

/**
 * Lists objects, ascending by the bytes of their keys. Holds the names of one folder for each level at a time. Files that
 * vanish meanwhile are left out.
 */
export async function* listObjects(
  access: SftpAccess,
  prefix: string,
  { startAfter, signal }: ListOptions,
): AsyncGenerator<StoredObject, void, undefined> {
  const folder = keyFolder(access)
  const { session, release } = await access.pool.lease(signal)
  try {
    await access.base.check(session)
    const walk: Walk = {
      access,
      session,
      prefix: `${folder}${prefix}`,
      startAfter: startAfter === undefined ? undefined : `${folder}${startAfter}`,
      signal,
    }
    for await (const { path, attributes } of walkFolder(walk, walk.prefix.slice(0, walk.prefix.lastIndexOf('/') + 1))) {
      yield { key: path.slice(folder.length), size: attributes.size, modifiedAt: new Date(attributes.mtime * 1000) }
    }
    // What was unmounted meanwhile looked like the end.
    await access.base.check(session)
  } finally {
    release()
  }
}

/** @param folder empty, or a path that ends in a slash. */
async function* walkFolder(walk: Walk, folder: string): AsyncGenerator<Entry, void, undefined> {
  for (const entry of await sortedEntries(walk, folder)) {
    walk.signal.throwIfAborted()
    if (entry.path.endsWith('/')) yield* walkFolder(walk, entry.path)
    else yield entry
  }
}

async function sortedEntries(walk: Walk, folder: string): Promise<readonly Entry[]> {
  const { access, session, signal } = walk
  const entries: Entry[] = []
  for (const entry of await entriesOrGone(session, access.base.join(folder.slice(0, -1)))) {
    signal.throwIfAborted()
    const path = `${folder}${entry.filename}`
    if (!isKeyText(path) || isReserved(access, path)) continue
    if (!mayHoldKeys(`${path}/`, walk) && !isWanted(path, walk)) continue
    const attributes = await attributesOf(session, access.base.join(path), entry)
    const type = attributes === undefined ? undefined : attributes.mode & FILE_TYPE.mask
    if (attributes === undefined) continue
    if (type === FILE_TYPE.folder && mayHoldKeys(`${path}/`, walk)) entries.push({ path: `${path}/`, attributes })
    if (type === FILE_TYPE.file && isWanted(path, walk)) entries.push({ path, attributes })
  }
  return entries.sort((a, b) => compareUtf8(a.path, b.path))
}

/** A link is what it leads to; undefined when that is nowhere. */
async function attributesOf(
  session: SftpSession,
  path: string,
  { attrs }: FileEntryWithStats,
): Promise<Attributes | undefined> {
  const isTold = isNumber(attrs.mode) && isNumber(attrs.size) && isNumber(attrs.mtime)
  if (isTold && (attrs.mode & FILE_TYPE.mask) !== FILE_TYPE.link) return attrs
  return session.statIfThere(path)
}

async function entriesOrGone(session: SftpSession, path: string): Promise<readonly FileEntryWithStats[]> {
  try {
    return await readFolder(session, path)
  } catch (error) {
    if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return []
    throw error
  }
}

function isWanted(path: string, { prefix, startAfter }: Walk): boolean {
  return path.startsWith(prefix) && (startAfter === undefined || compareUtf8(path, startAfter) > 0)
}

function mayHoldKeys(folder: string, { prefix, startAfter }: Walk): boolean {
  if (!folder.startsWith(prefix) && !prefix.startsWith(folder)) return false
  return startAfter === undefined || startAfter.startsWith(folder) || compareUtf8(folder, startAfter) > 0
}

/** The order of UTF-8 bytes, which is not JavaScript's own beyond U+FFFF. */
function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Names that no key can have are of somebody else. */
function isKeyText(path: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return !/[\u0000-\u001f\u007f-\u009f\ufffd]/.test(path)
}

/** Servers may leave attributes out. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}
