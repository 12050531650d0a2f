import { definePlugin, type WalrPlugin } from '@walr/core/plugin'
import { optionDescriptions } from './option-descriptions.ts'
import { parseOptions, type GcsOptions } from './options.ts'

/** `@walr/plugin-gcs`: keeps the archive in Google Cloud Storage. */
const plugin: WalrPlugin<GcsOptions> = definePlugin({
  name: '@walr/plugin-gcs',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  async createStorage(options, context) {
    // Loads what speaks HTTP. (TypeScript rewrites no import() inside an "export default" expression, hence the constant.)
    const { openGcsStorage } = await import('./storage.ts')
    return openGcsStorage(options, context)
  },
})

export default plugin
