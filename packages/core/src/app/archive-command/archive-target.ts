import { basename, dirname, resolve } from 'node:path'
import { parseServerFile, type ServerFile } from '../../archive/server-file.ts'
import type { ServerPlace } from '../../archive/server-identity.ts'
import { WalrError } from '../../errors/walr-error.ts'

/** What is to be archived, and out of which server. */
export interface ArchiveTarget extends ServerPlace {
  readonly file: ServerFile
}

/**
 * Understands `%p`, which PostgreSQL gives as `pg_wal/NAME`, and runs the command in its data directory.
 * @throws WalrError WALR_USAGE
 */
export function archiveTarget(path: string, workingDirectory: string): ArchiveTarget {
  const file = parseServerFile(basename(path))
  if (!file) {
    throw new WalrError('WALR_USAGE', `"${path}" is not a file that PostgreSQL archives`, {
      hint: 'Such files are segments, timeline histories (.history), backup histories (.backup) and .partial segments.',
    })
  }
  const walDirectory = dirname(resolve(workingDirectory, path))
  return { file, walDirectory, dataDirectory: dirname(walDirectory) }
}
