import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { isSystemError } from '../errors/system-error.ts'
import { byUrgency, parseServerFile, type ServerFile } from './server-file.ts'

/** What PostgreSQL has noted about the files of its pg_wal. */
export interface ArchiveNotes {
  /** Files that wait to be archived, in the order in which PostgreSQL asks for them. */
  readonly ready: readonly ServerFile[]
  /** Names of these, and of those that were archived and are still there. */
  readonly known: ReadonlySet<string>
}

/**
 * Reads `archive_status` below pg_wal: an empty file `NAME.ready` or `NAME.done` for each.
 * @throws errors of the system as they are; without the folder there is nothing.
 */
export async function readArchiveNotes(disk: Disk, walDirectory: string): Promise<ArchiveNotes> {
  const ready: ServerFile[] = []
  const known = new Set<string>()
  for (const noted of await namesIn(disk, join(walDirectory, 'archive_status'))) {
    const isReady = noted.endsWith('.ready')
    const name = isReady ? noted.slice(0, -6) : noted.endsWith('.done') ? noted.slice(0, -5) : ''
    const file = parseServerFile(name)
    if (!file) continue
    known.add(name)
    if (isReady) ready.push(file)
  }
  return { ready: ready.toSorted(byUrgency), known }
}

async function namesIn(disk: Disk, directory: string): Promise<readonly string[]> {
  try {
    return (await disk.list(directory)).filter(({ kind }) => kind === 'file').map(({ name }) => name)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return []
    throw error
  }
}
