import { definePlugin, type WalrPlugin } from '@walr/core/plugin'
import { optionDescriptions, parseOptions, type StorageOptions } from './options.ts'

/**
 * The default export is what walr loads. Importing it has to be cheap: whatever is heavy, such as the SDK of your service,
 * is imported by storage.ts and what lies behind it, hence when a storage is opened and not before.
 */
const plugin: WalrPlugin<StorageOptions> = definePlugin<StorageOptions>({
  name: '__NAME__',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  // The server is not asked here: one that is down must not keep walr from receiving WAL.
  createStorage: async (options) => {
    const { ServiceStorage } = await import('./storage.ts')
    return new ServiceStorage(options)
  },
})

export default plugin
