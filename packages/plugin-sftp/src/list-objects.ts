import type { ListOptions, StoredObject } from '@walr/core/plugin'
import { keyFolder, type SftpAccess } from './access.ts'
import { sortedEntries, type FolderEntry } from './folder-entries.ts'
import { isSameTree, realPathIfThere } from './linked-folders.ts'
import type { SftpSession } from './sftp-session.ts'
import { mayHoldKeys, type WantedKeys } from './wanted-names.ts'

/** What of the tree of folders is wanted; paths are below the base directory. */
interface Walk {
  readonly access: SftpAccess
  readonly session: SftpSession
  readonly wanted: WantedKeys
  readonly signal: AbortSignal
}

/** A folder in which the walk is. */
interface OpenFolder {
  /** Empty, or a path that ends in a slash. */
  readonly path: string
  readonly entries: readonly FolderEntry[]
  next: number
  /** The real paths of the trees that the walk is in: the base directory's, and those that links lead to. */
  readonly trees: readonly string[]
}

/**
 * Lists objects, ascending by the bytes of their keys. Holds the names of one folder for each level at a time. Files that
 * vanish meanwhile are left out. Links to folders are followed, but for those that lead back to where the walk has been.
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
    const wanted = {
      prefix: `${folder}${prefix}`,
      startAfter: startAfter === undefined ? undefined : `${folder}${startAfter}`,
    }
    const walk: Walk = { access, session, wanted, signal }
    const first = wanted.prefix.slice(0, wanted.prefix.lastIndexOf('/') + 1)
    const open: OpenFolder[] = mayHoldKeys(first, wanted) ? [await openFolder(walk, first, [])] : []
    // One loop for all levels: each generator within another one costs time for every object.
    for (let last = open.at(-1); last; last = open.at(-1)) {
      const entry = last.entries[last.next++]
      if (entry === undefined) open.pop()
      else if (entry.isFolder) {
        signal.throwIfAborted()
        const trees = entry.isLink ? await treesBehind(walk, last, entry) : last.trees
        if (trees) open.push(await openFolder(walk, `${last.path}${entry.name}`, trees))
      } else {
        signal.throwIfAborted()
        const key = `${last.path}${entry.name}`.slice(folder.length)
        yield { key, size: entry.size, modifiedAt: new Date(entry.modifiedAtS * 1000) }
      }
    }
    // What was unmounted meanwhile looked like the end.
    await access.base.check(session)
  } finally {
    release()
  }
}

async function openFolder(walk: Walk, path: string, trees: readonly string[]): Promise<OpenFolder> {
  return { path, entries: await sortedEntries(walk, path), next: 0, trees }
}

/** @returns undefined for a link that is not to be followed. */
async function treesBehind(
  { access, session }: Walk,
  { path, trees }: OpenFolder,
  { name }: FolderEntry,
): Promise<readonly string[] | undefined> {
  const { base } = access
  const target = await realPathIfThere(session, base.join(`${path}${name.slice(0, -1)}`))
  const here =
    trees.length > 0 ? trees : await Promise.all([base.path, base.join(path)].map((at) => session.realPath(at)))
  if (target === undefined || here.some((tree) => isSameTree(tree, target))) return undefined
  return [...here, target]
}
