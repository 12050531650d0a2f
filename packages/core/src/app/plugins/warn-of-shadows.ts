import { dirname } from 'node:path'
import { locatePlugin, PluginNotFound } from '../../plugins/loader/plugin-package.ts'
import type { PluginConfig } from './plugin-config.ts'
import type { PluginContext } from './plugin-context.ts'

/** Warns of plugins that walr would take from a `node_modules` near the configuration file instead. */
export async function warnOfShadows(
  plugins: readonly { readonly name: string }[],
  config: PluginConfig | undefined,
  { workingDirectory, logger }: PluginContext,
): Promise<void> {
  const baseDirectory = config?.file === undefined ? workingDirectory : dirname(config.file)
  for (const { name } of plugins) {
    try {
      const found = await locatePlugin(name, { baseDirectory, dataDirectories: [] })
      const where = found.kind === 'file' ? found.file : found.folder
      logger.warning(`walr takes "${name}" from "${where}", which comes first, and not what was installed now`, {
        hint: 'Remove it there, with the tool that put it there.',
      })
    } catch (error) {
      if (!(error instanceof PluginNotFound)) throw error
    }
  }
}
