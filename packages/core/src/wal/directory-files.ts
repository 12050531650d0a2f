import { join } from 'node:path'
import type { DiskEntry } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'

/** How the names of segments, finished or not, and of histories begin. */
const walPattern = /^([0-9A-F]{24}|[0-9A-F]{8}\.history)/

/**
 * The names of the files among the entries of a receive directory. What is none is left out, and so is a foreign link that
 * cannot be followed.
 * @throws WalrError WALR_DIRECTORY for such a link with a name of WAL: nobody may take that WAL for absent.
 */
export function filesAmong(directory: string, entries: readonly DiskEntry[]): readonly string[] {
  const files: string[] = []
  for (const entry of entries) {
    if (entry.kind === 'file') files.push(entry.name)
    if (entry.kind !== 'unknown' || !walPattern.test(entry.name)) continue
    const text = `could not look at what "${join(directory, entry.name)}" links to: ${systemErrorText(entry.error)}`
    throw new WalrError('WALR_DIRECTORY', text, { cause: entry.error })
  }
  return files
}
