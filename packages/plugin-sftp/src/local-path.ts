import { join, resolve } from 'node:path'
import { StorageError } from '@walr/core/plugin'
import { homeDirectory } from './home-directory.ts'

/**
 * A path of the options as an absolute one of this machine: `~/` is the home, others start at the configuration file.
 * @throws StorageError Permanent for a path below a home that there is not.
 */
export function localPath(path: string, baseDirectory: string): string {
  if (path !== '~' && !path.startsWith('~/')) return resolve(baseDirectory, path)
  const home = homeDirectory()
  if (home !== undefined) return join(home, path.slice(2))
  throw new StorageError(
    'Permanent',
    `"${path}" begins with "~/", and the user that walr runs as has no home; give the whole path, or set HOME to one`,
  )
}
