import type { Attributes, FileEntryWithStats } from 'ssh2'
import type { SftpAccess } from './access.ts'
import { sortByName } from './compare-utf8.ts'
import { isReserved } from './object-path.ts'
import { readFolder } from './read-folder.ts'
import { hasStatus, SFTP_STATUS } from './sftp-errors.ts'
import type { SftpSession } from './sftp-session.ts'
import { WantedNames, type WantedKeys } from './wanted-names.ts'

const FILE_TYPE = { mask: 0o170000, folder: 0o040000, file: 0o100000, link: 0o120000 } as const

/** How many links are looked at at once. */
const LOOKS_AT_ONCE = 64

/** A file or a folder. There may be very many: nothing else of them is kept. */
export interface FolderEntry {
  /** That of a folder has a slash at its end, which puts it where its keys belong among the others. */
  readonly name: string
  readonly isFolder: boolean
  readonly isLink: boolean
  readonly size: number
  /** In seconds. */
  readonly modifiedAtS: number
}

/** Where to look, and for what. */
export interface FolderSearch {
  readonly access: SftpAccess
  readonly session: SftpSession
  readonly wanted: WantedKeys
  readonly signal: AbortSignal
}

/**
 * The wanted entries of a folder, by the bytes of their names; none when it is gone. A link counts as what it leads to.
 * @param folder empty, or a path below the base directory that ends in a slash.
 */
export async function sortedEntries(search: FolderSearch, folder: string): Promise<readonly FolderEntry[]> {
  const { access, session, signal } = search
  if (isReserved(access, folder)) return []
  const wanted = new WantedNames(folder, search.wanted)
  const entries: FolderEntry[] = []
  const untold: string[] = []
  const add = (name: string, attributes: Attributes, isLink: boolean): void => {
    const entry = entryOf(name, attributes, isLink)
    if (entry && (entry.isFolder ? wanted.mayHoldKeys(entry.name) : wanted.has(name))) entries.push(entry)
  }
  const take = ({ filename, attrs }: FileEntryWithStats): void => {
    signal.throwIfAborted()
    if (!isKeyText(filename) || (folder === '' && isReserved(access, filename))) return
    if (isTold(attrs)) add(filename, attrs, false)
    else if (wanted.has(filename) || wanted.mayHoldKeys(`${filename}/`)) untold.push(filename)
  }
  try {
    await readFolder(session, access.base.join(folder.slice(0, -1)), take)
  } catch (error) {
    if (hasStatus(error, SFTP_STATUS.NO_SUCH_FILE)) return []
    throw error
  }
  for (let from = 0; from < untold.length; from += LOOKS_AT_ONCE) {
    signal.throwIfAborted()
    const names = untold.slice(from, from + LOOKS_AT_ONCE)
    const told = await Promise.all(names.map((name) => session.statIfThere(access.base.join(`${folder}${name}`))))
    for (const [index, attributes] of told.entries()) if (attributes) add(names[index] ?? '', attributes, true)
  }
  return sortByName(entries)
}

/** Undefined for what is neither a file nor a folder. */
function entryOf(name: string, { mode, size, mtime }: Attributes, isLink: boolean): FolderEntry | undefined {
  const type = mode & FILE_TYPE.mask
  if (type === FILE_TYPE.file) return { name, isFolder: false, isLink, size, modifiedAtS: mtime }
  return type === FILE_TYPE.folder ? { name: `${name}/`, isFolder: true, isLink, size, modifiedAtS: mtime } : undefined
}

/** False for a link, and where the server has left something out: then it has to be asked. */
function isTold({ mode, size, mtime }: Attributes): boolean {
  return isNumber(mode) && isNumber(size) && isNumber(mtime) && (mode & FILE_TYPE.mask) !== FILE_TYPE.link
}

/** Names that no key can have are of somebody else. */
function isKeyText(name: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return !/[\u0000-\u001f\u007f-\u009f\ufffd]/.test(name)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}
