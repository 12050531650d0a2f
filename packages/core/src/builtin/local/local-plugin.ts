import { resolve } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { definePlugin, type HookContext, type WalrPlugin } from '../../plugins/contract/index.ts'
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

/** Makes the storage without looking at its directory: what is wrong with that shows in the first operation. */
export function openLocalStorage(disk: TreeDisk, options: LocalOptions, context: HookContext): Promise<LocalStorage> {
  const path = resolve(context.baseDirectory, options.path)
  return Promise.resolve(new LocalStorage({ ...options, disk, path, log: context.log, now: context.now }))
}
