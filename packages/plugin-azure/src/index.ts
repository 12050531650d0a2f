import { definePlugin, type WalrPlugin } from '@walr/core/plugin'
import { optionDescriptions } from './option-descriptions.ts'
import { parseOptions, type AzureOptions } from './options.ts'

/** `@walr/plugin-azure`: keeps the archive in Azure Blob Storage. */
const plugin: WalrPlugin<AzureOptions> = definePlugin({
  name: '@walr/plugin-azure',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  async createStorage(options, context) {
    // Loads the SDK. (TypeScript rewrites no import() inside an "export default" expression, hence the constant.)
    const { openAzureStorage } = await import('./storage.ts')
    return openAzureStorage(options, context)
  },
})

export default plugin
