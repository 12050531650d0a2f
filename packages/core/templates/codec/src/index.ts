import { definePlugin, type WalrPlugin } from '@walr/core/plugin'
import { optionDescriptions, parseOptions, type CodecOptions } from './options.ts'

/**
 * The default export is what walr loads. Importing it has to be cheap: whatever is heavy is imported when a codec is made.
 */
const plugin: WalrPlugin<CodecOptions> = definePlugin<CodecOptions>({
  name: '__NAME__',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  // An encryption gets its keys here, and rejects when it has none.
  createCodec: async (options) => {
    const { BrotliCodec } = await import('./brotli-codec.ts')
    return new BrotliCodec(options)
  },
})

export default plugin
