import type { SecretOptions } from './config-show.ts'
import type { PluginCheck } from './config-validate.ts'

/** What the plugins of a configuration say about it. */
export const checkConfiguredPlugins: PluginCheck = () => Promise.resolve([])

/** What the plugin of an entry says about its options. */
export const configuredSecretOptions: SecretOptions = () => Promise.resolve(undefined)
