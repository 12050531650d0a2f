import { dirname } from 'node:path'
import { removePluginFromConfig } from '../../config/edit/remove-plugin-from-config.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { packageFolder } from '../../plugins/loader/installed-plugin-folder.ts'
import { readManifest, UnusableManifest } from '../../plugins/loader/plugin-manifest.ts'
import { locatePlugin, PluginNotFound } from '../../plugins/loader/plugin-package.ts'
import { withPluginLock } from '../../plugins/installer/plugin-lock.ts'
import { PluginStore } from '../../plugins/installer/plugin-store.ts'
import { commitTogether } from './commit-together.ts'
import { editConfig, type ConfigEdit, type ConfigOutcome } from './config-edit.ts'
import { notInstalled } from './not-installed.ts'
import type { PluginContext } from './plugin-context.ts'
import { readPluginConfig, type PluginConfig } from './plugin-config.ts'

/** What `walr plugins uninstall` did. */
export interface Uninstallation {
  readonly dataDirectory: string
  readonly name: string
  /** False when nothing but an entry of the configuration was left of it. */
  readonly wasInstalled: boolean
  readonly config: ConfigOutcome
}

/**
 * Removes a plugin and its entry in the list `plugins`: both, or nothing. One that is still used is refused. Of one that is
 * nowhere to be found the entry alone is removed.
 * @param editsConfig false leaves the configuration alone; it is asked for uses all the same.
 * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_WRITE_FAILED, WALR_DIRECTORY_LOCKED; the reason of the signal.
 */
export async function uninstallPlugin(
  name: string,
  editsConfig: boolean,
  context: PluginContext,
): Promise<Uninstallation> {
  const [dataDirectory] = context.dataDirectories
  const isInstalled = (await new PluginStore(dataDirectory).current(name)) !== undefined
  if (!isInstalled) return removeEntry(name, editsConfig, context)
  return withPluginLock(dataDirectory, context, () => removePlugin(name, editsConfig, context))
}

async function removePlugin(name: string, editsConfig: boolean, context: PluginContext): Promise<Uninstallation> {
  const { logger, signal } = context
  const [dataDirectory] = context.dataDirectories
  const store = new PluginStore(dataDirectory)
  const generation = await store.current(name)
  if (generation === undefined) throw await notInstalled(name, context.dataDirectories) // another walr was quicker
  const config = await readPluginConfig(context)
  refuseUsed(name, config)
  const isCodec = await offersCodec(generation, name)
  const { outcome, steps } = await edited(name, editsConfig ? config : undefined)
  signal.throwIfAborted()
  await commitTogether([...steps, () => store.remove(name)], logger)
  if (isCodec) {
    logger.warning(`what was archived with the codec of "${name}" cannot be read without it`, {
      hint: 'As long as an archive has such objects, keep it installed and in "archive.readCodecs".',
    })
  }
  return { dataDirectory, name, wasInstalled: true, config: outcome }
}

/** For a plugin that is listed, and is nowhere: without this walr could not be started, nor the entry be removed. */
async function removeEntry(name: string, editsConfig: boolean, context: PluginContext): Promise<Uninstallation> {
  const config = await readPluginConfig(context)
  refuseUsed(name, config)
  const isHere = !editsConfig || (await isThere(name, config, context))
  const { outcome, steps } = await edited(name, isHere ? undefined : config)
  if (steps.length === 0) throw await notInstalled(name, context.dataDirectories)
  context.signal.throwIfAborted()
  await commitTogether(steps, context.logger)
  return { dataDirectory: context.dataDirectories[0], name, wasInstalled: false, config: outcome }
}

function edited(name: string, config: PluginConfig | undefined): Promise<ConfigEdit> {
  const concerns = config?.file !== undefined && (config.format !== undefined || config.plugins.includes(name))
  return editConfig(concerns ? config : undefined, (text, format) => removePluginFromConfig({ text, format, name }))
}

/** Whether walr would find it, wherever that is. */
async function isThere(
  name: string,
  { file }: PluginConfig,
  { workingDirectory, dataDirectories }: PluginContext,
): Promise<boolean> {
  const baseDirectory = file === undefined ? workingDirectory : dirname(file)
  try {
    await locatePlugin(name, { baseDirectory, dataDirectories })
    return true
  } catch (error) {
    if (!(error instanceof PluginNotFound)) throw error
    // One that cannot be looked for may be there.
    return error.cause !== undefined
  }
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
