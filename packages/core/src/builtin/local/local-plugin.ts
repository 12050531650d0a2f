import { resolve } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { definePlugin, type HookContext, type WalrPlugin } from '../../plugins/contract/index.ts'
import { removeLeftovers } from './leftover-files.ts'
import { localOptionDescriptions, parseLocalOptions, type LocalOptions } from './local-options.ts'
import { LocalStorage } from './local-storage.ts'

/** The built-in storage `local`: a directory. */
export const localPlugin: WalrPlugin<LocalOptions> = definePlugin<LocalOptions>({
  name: 'local',
  apiVersion: 1,
  options: localOptionDescriptions,
  parseOptions: parseLocalOptions,
  createStorage: (options, context) => openLocalStorage(nodeDisk, options, context),
})

/** Opens the storage. A base directory that is not there yet shows in the first operation, not here. */
export async function openLocalStorage(
  disk: TreeDisk,
  options: LocalOptions,
  context: HookContext,
): Promise<LocalStorage> {
  const path = resolve(context.baseDirectory, options.path)
  const storage = new LocalStorage({ ...options, disk, path })
  try {
    await storage.checkBaseDirectory()
    const removed = await removeLeftovers(disk, path, context.now())
    if (removed > 0) context.log.info(`removed ${removed} temporary files that an earlier process left in "${path}"`)
  } catch (error) {
    // The archive may be away while WAL is received; the first operation tells.
    context.log.warning(`"${path}" cannot be used yet: ${error instanceof Error ? error.message : String(error)}`)
  }
  return storage
}
