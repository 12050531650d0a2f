import { definePlugin, type WalrPlugin } from '@walr/core/plugin'
import { optionDescriptions } from './option-descriptions.ts'
import { parseOptions, type S3Options } from './options.ts'

/** `@walr/plugin-s3`: keeps the archive in Amazon S3 or a storage that speaks its protocol. */
const plugin: WalrPlugin<S3Options> = definePlugin({
  name: '@walr/plugin-s3',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  async createStorage(options, context) {
    // Loads the SDK. (TypeScript rewrites no import() inside an "export default" expression, hence the constant.)
    const { openS3Storage } = await import('./storage.ts')
    return openS3Storage(options, context)
  },
})

export default plugin
