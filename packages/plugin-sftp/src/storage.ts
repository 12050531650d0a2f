import type { HookContext, Storage } from '@walr/core/plugin'
import { GuardedStorage } from '@walr/plugin-kit/storage'
import type { SftpAccess } from './access.ts'
import { BaseDirectory } from './base-directory.ts'
import { connect } from './connect.ts'
import { ConnectionPool } from './connection-pool.ts'
import { loadCredentials } from './credentials.ts'
import { deleteObjects } from './delete-objects.ts'
import { sftpStorageError } from './error-map.ts'
import { FolderSync } from './folder-sync.ts'
import { getObject, headObject } from './get-object.ts'
import { LeftoverFiles } from './leftover-files.ts'
import { listObjects } from './list-objects.ts'
import { loadHostKeyKnowledge } from './load-known-hosts.ts'
import type { SftpOptions } from './options.ts'
import { putObject } from './put-object.ts'
import { RemoteFolders } from './remote-folders.ts'

const FOLDER_MODES = { private: 0o700, group: 0o750 } as const

/**
 * Opens the storage. Nothing is asked of the server yet.
 * @throws StorageError Permanent when the private key or `knownHostsFile` cannot be used, or there is nothing to log in with.
 */
export async function openSftpStorage(options: SftpOptions, context: HookContext): Promise<Storage> {
  const credentials = await loadCredentials(options, context.baseDirectory)
  await loadHostKeyKnowledge(options, context.baseDirectory)
  const { maxConnections, idleTimeoutMs } = options
  const { log } = context
  const memory = { trustedType: undefined }
  const open = (signal: AbortSignal) => connect({ options, credentials, context, memory }, signal)
  const base = new BaseDirectory(options.directory, options.marker)
  const folderSync = new FolderSync(base.path, log)
  const access: SftpAccess = {
    options,
    context,
    pool: new ConnectionPool({ open, maxConnections, idleTimeoutMs, log }),
    base,
    folderSync,
    folders: new RemoteFolders(base, folderSync, FOLDER_MODES[options.mode]),
    leftovers: new LeftoverFiles(base, context),
  }
  return new GuardedStorage(
    {
      capabilities: {
        createIfAbsent: options.hardLinks ? 'atomic' : 'check-then-write',
        rangeReads: true,
        maxObjectBytes: Infinity,
      },
      put: (key, source, put) => putObject(access, key, source, put),
      get: (key, get) => getObject(access, key, get),
      head: (key, signal) => headObject(access, key, signal),
      list: (prefix, list) => listObjects(access, prefix, list),
      delete: (keys, signal) => deleteObjects(access, keys, signal),
      close: () => access.pool.close(),
      toStorageError: sftpStorageError,
    },
    context,
  )
}
