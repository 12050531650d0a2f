import { definePlugin, type WalrPlugin } from '@walr/core/plugin'
import { KeepPolicy } from './keep-policy.ts'
import { optionDescriptions, parseOptions, type RetentionOptions } from './options.ts'

/** The default export is what walr loads. */
const plugin: WalrPlugin<RetentionOptions> = definePlugin<RetentionOptions>({
  name: '__NAME__',
  apiVersion: 1,
  options: optionDescriptions,
  parseOptions,
  createRetention: (options) => Promise.resolve(new KeepPolicy(options)),
})

export default plugin
