import { join } from 'node:path'
import type { DiskEntry, DiskStat, TreeDisk } from '../../disk/disk.ts'
import { isSystemError } from '../../errors/system-error.ts'
import type { StoredObject } from '../../plugins/contract/index.ts'
import { objectKeyFault } from '../object-key.ts'
import { compareUtf8 } from '../utf8-order.ts'
import { refuseBrokenLink, refuseBrokenWay } from './broken-links.ts'

/** How many files are looked at in parallel. */
const PARALLEL = 32

/** What of a tree of files is wanted. */
export interface WalkOptions {
  readonly base: string
  readonly prefix: string
  readonly startAfter: string | undefined
  readonly signal: AbortSignal
  /** Names in the base directory that are no objects. */
  readonly isHidden: (key: string) => boolean
}

/**
 * Gives all files below `base` as objects, ascending by the bytes of their keys. Holds the names of one folder for each
 * level at a time. Files that vanish meanwhile are left out. Rejects with errors of the system, and with StorageError
 * Permanent at a link that leads nowhere: objects may be behind it.
 */
export async function* walkObjects(
  disk: TreeDisk,
  options: WalkOptions,
): AsyncGenerator<StoredObject, void, undefined> {
  yield* walkFolder(disk, options, options.prefix.slice(0, options.prefix.lastIndexOf('/') + 1))
}

/** @param folder empty, or a path below the base that ends in a slash. */
async function* walkFolder(
  disk: TreeDisk,
  options: WalkOptions,
  folder: string,
): AsyncGenerator<StoredObject, void, undefined> {
  const paths = await sortedPaths(disk, options, folder)
  for (let at = 0; at < paths.length;) {
    options.signal.throwIfAborted()
    const path = paths[at] ?? ''
    if (path.endsWith('/')) {
      yield* walkFolder(disk, options, path)
      at += 1
      continue
    }
    const next = paths.findIndex((each, index) => index > at && (each.endsWith('/') || index === at + PARALLEL))
    const keys = paths.slice(at, next < 0 ? undefined : next)
    yield* objects(keys, await Promise.all(keys.map((key) => statOrGone(disk, options.base, join(options.base, key)))))
    at += keys.length
  }
}

function* objects(keys: readonly string[], stats: readonly (DiskStat | undefined)[]): Generator<StoredObject> {
  for (const [index, key] of keys.entries()) {
    const stat = stats[index]
    if (stat?.kind === 'file') yield { key, size: stat.size, modifiedAt: stat.modifiedAt }
  }
}

/** Keys, and folders with a slash at their end, which puts them where their keys belong among the others. */
async function sortedPaths(disk: TreeDisk, options: WalkOptions, folder: string): Promise<readonly string[]> {
  const paths: string[] = []
  for (const entry of await listOrGone(disk, options.base, join(options.base, folder))) {
    const { name, kind } = entry
    const path = `${folder}${name}`
    if (options.isHidden(path) || objectKeyFault(path) !== undefined) continue
    if (kind === 'unknown' || kind === 'other') {
      if (!mayHoldKeys(`${path}/`, options) && !isWanted(path, options)) continue
      if (kind === 'unknown') throw entry.error
      await refuseBrokenLink(disk, join(options.base, path))
      continue
    }
    if (kind === 'directory' ? mayHoldKeys(`${path}/`, options) : isWanted(path, options)) {
      paths.push(kind === 'directory' ? `${path}/` : path)
    }
  }
  return paths.sort(compareUtf8)
}

function isWanted(key: string, { prefix, startAfter }: WalkOptions): boolean {
  return key.startsWith(prefix) && (startAfter === undefined || compareUtf8(key, startAfter) > 0)
}

function mayHoldKeys(folder: string, { prefix, startAfter }: WalkOptions): boolean {
  if (!folder.startsWith(prefix) && !prefix.startsWith(folder)) return false
  return startAfter === undefined || startAfter.startsWith(folder) || compareUtf8(folder, startAfter) > 0
}

async function listOrGone(disk: TreeDisk, base: string, directory: string): Promise<readonly DiskEntry[]> {
  try {
    return await disk.list(directory)
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error
    // With a slash at its end the path would mean what a link leads to, not the link.
    await refuseBrokenWay(disk, base, join(directory, '.'), 'folder')
    return []
  }
}

async function statOrGone(disk: TreeDisk, base: string, path: string): Promise<DiskStat | undefined> {
  const stat = await disk.stat(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOTDIR')) return undefined
    throw error
  })
  if (stat === undefined) await refuseBrokenWay(disk, base, path, 'object')
  return stat
}
