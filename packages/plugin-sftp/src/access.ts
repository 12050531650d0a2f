import type { HookContext } from '@walr/core/plugin'
import type { BaseDirectory } from './base-directory.ts'
import type { ConnectionPool } from './connection-pool.ts'
import type { FolderSync } from './folder-sync.ts'
import type { LeftoverFiles } from './leftover-files.ts'
import type { SftpOptions } from './options.ts'
import type { RemoteFolders } from './remote-folders.ts'

/** What every operation needs. */
export interface SftpAccess {
  readonly options: SftpOptions
  readonly context: HookContext
  readonly pool: ConnectionPool
  readonly base: BaseDirectory
  readonly folders: RemoteFolders
  readonly folderSync: FolderSync
  readonly leftovers: LeftoverFiles
}

/** Where keys begin below the base directory: empty, or the prefix with a slash. */
export function keyFolder({ options }: SftpAccess): string {
  return options.prefix === '' ? '' : `${options.prefix}/`
}
