import type { WalrPlugin } from '../plugins/contract/index.ts'
import { gzipPlugin } from './codecs/gzip-codec.ts'
import { zstdPlugin } from './codecs/zstd-codec.ts'
import { localPlugin } from './local/local-plugin.ts'

/** The plugins that come with walr; a configuration uses them by name without listing them. */
export const BUILTIN_PLUGINS: readonly WalrPlugin[] = [
  forgetOptions(localPlugin),
  forgetOptions(zstdPlugin),
  forgetOptions(gzipPlugin),
]

/** Sound because the loader gives a plugin's hooks nothing but what its own `parseOptions` has made. */
function forgetOptions<Options>(plugin: WalrPlugin<Options>): WalrPlugin {
  return plugin as WalrPlugin
}
