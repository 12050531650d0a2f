import { removePluginFromConfig } from '../../config/edit/remove-plugin-from-config.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { packageFolder } from '../../plugins/loader/installed-plugin-folder.ts'
import { readManifest, UnusableManifest } from '../../plugins/loader/plugin-manifest.ts'
import { PluginStore } from '../../plugins/installer/plugin-store.ts'
import { commitTogether } from './commit-together.ts'
import { editConfig, type ConfigOutcome } from './config-edit.ts'
import { notInstalled } from './not-installed.ts'
import type { PluginContext } from './plugin-context.ts'
import { readPluginConfig, type PluginConfig } from './plugin-config.ts'

/** What `walr plugins uninstall` did. */
export interface Uninstallation {
  readonly dataDirectory: string
  readonly name: string
  readonly config: ConfigOutcome
}

/**
 * Removes a plugin and its entry in the list `plugins`: both, or nothing. One that is still used is refused.
 * @param editsConfig false leaves the configuration alone; it is asked for uses all the same.
 * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_WRITE_FAILED; the reason of the signal.
 */
export async function uninstallPlugin(
  name: string,
  editsConfig: boolean,
  context: PluginContext,
): Promise<Uninstallation> {
  const { logger, signal } = context
  const config = await readPluginConfig(context)
  refuseUsed(name, config)
  const [dataDirectory] = context.dataDirectories
  const store = new PluginStore(dataDirectory)
  const generation = await store.current(name)
  if (generation === undefined) throw await notInstalled(name, context.dataDirectories)
  const isCodec = await offersCodec(generation, name)
  const concerns = config.format !== undefined || config.plugins.includes(name)
  const concerned = editsConfig && config.file !== undefined && concerns ? config : undefined
  const edit = await editConfig(concerned, (text, format) => removePluginFromConfig({ text, format, name }))
  try {
    signal.throwIfAborted()
    await commitTogether([() => store.remove(name)], edit.replacement, logger)
  } finally {
    await edit.replacement?.[Symbol.asyncDispose]()
  }
  if (isCodec) {
    logger.warning(`what was archived with the codec of "${name}" cannot be read without it`, {
      hint: 'As long as an archive has such objects, keep it installed and in "archive.readCodecs".',
    })
  }
  return { dataDirectory, name, config: edit.outcome }
}

function refuseUsed(name: string, config: PluginConfig): void {
  const places = config.usesOf(name)
  if (places.length === 0) return
  const where = config.file === undefined ? 'the environment' : `configuration file "${config.file}"`
  throw new WalrError('WALR_PLUGIN', `"${name}" is in use: ${where} has it at ${places.join(', ')}`, {
    hint: 'Change these entries first. Nothing was removed.',
  })
}

/** What cannot be read may have been one. */
async function offersCodec(generation: string, name: string): Promise<boolean> {
  try {
    const folder = packageFolder(generation, name)
    return (await readManifest(`${folder}/package.json`)).provides.includes('codec')
  } catch (error) {
    if (error instanceof UnusableManifest) return true
    throw error
  }
}
