import { dirname } from 'node:path'
import { BUILTIN_PLUGINS } from '../../builtin/index.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { nearestName, type OptionDescription, type PluginHook } from '../../plugins/contract/index.ts'
import { coreVersion } from '../../plugins/installer/contract-package.ts'
import { examinePlugin } from '../../plugins/installer/examine-plugin.ts'
import { PluginStore } from '../../plugins/installer/plugin-store.ts'
import { readManifest, UnusableManifest, type PluginManifest } from '../../plugins/loader/plugin-manifest.ts'
import { isPath, locatePlugin, PluginNotFound, type PluginLocation } from '../../plugins/loader/plugin-package.ts'
import { hooksOf } from '../../plugins/loader/plugin-shape.ts'
import { printable, printableLine } from '../../telemetry/printable-text.ts'
import type { PluginContext } from './plugin-context.ts'
import { readPluginConfig } from './plugin-config.ts'

/** All that a plugin says of itself. */
export interface InspectedPlugin {
  readonly name: string
  /** Empty where there is none. */
  readonly version: string
  readonly description: string
  readonly apiVersion: number
  readonly provides: readonly PluginHook[]
  readonly options: readonly OptionDescription[]
  /** The folder or file that it comes from; null for what is built in. */
  readonly path: string | null
}

/**
 * Asks a plugin what it is: one that is built in, installed, configured, or at a path. It is imported for that, in a thread
 * that ends with it.
 * @throws WalrError WALR_PLUGIN, WALR_CONFIG; the reason of the signal.
 */
export async function inspectPlugin(name: string, context: PluginContext): Promise<InspectedPlugin> {
  const builtin = BUILTIN_PLUGINS.find((plugin) => plugin.name === name)
  if (builtin !== undefined) {
    const { apiVersion, options } = builtin
    const version = await coreVersion()
    const description = 'A part of walr.'
    return { name, version, description, apiVersion, provides: hooksOf(builtin), options, path: null }
  }
  const location = await locate(name, context)
  const manifest = location.kind === 'file' ? undefined : await manifestOf(name, location.packageFile)
  const limit = context.importLimitMs === undefined ? {} : { limitMs: context.importLimitMs }
  const request = { location, name: manifest?.name ?? name, manifest }
  const { apiVersion, hooks, options, name: own } = await examinePlugin(request, { signal: context.signal, ...limit })
  return {
    name: own,
    version: printableLine(manifest?.version ?? ''),
    description: printableLine(manifest?.description ?? ''),
    ...{ apiVersion, provides: hooks, options },
    path: location.kind === 'file' ? location.file : location.folder,
  }
}

async function locate(name: string, context: PluginContext): Promise<PluginLocation> {
  const { workingDirectory, dataDirectories } = context
  // A path on the command line begins where walr runs; one in the configuration, at its file.
  const config = isPath(name) ? undefined : await readPluginConfig(context)
  const baseDirectory = config?.file === undefined ? workingDirectory : dirname(config.file)
  try {
    return await locatePlugin(name, { baseDirectory, dataDirectories })
  } catch (error) {
    if (!(error instanceof PluginNotFound)) throw error
    const known = [...BUILTIN_PLUGINS.map((plugin) => plugin.name), ...(config?.plugins ?? [])]
    for (const directory of dataDirectories) known.push(...(await new PluginStore(directory).names()))
    const nearest = nearestName(name, known)
    const hint = nearest === undefined ? '"walr plugins" lists what there is.' : `Did you mean "${nearest}"?`
    throw new WalrError('WALR_PLUGIN', `"${name}" ${error.message}`, { hint, cause: error.cause })
  }
}

async function manifestOf(name: string, packageFile: string): Promise<PluginManifest> {
  try {
    return await readManifest(packageFile)
  } catch (error) {
    if (!(error instanceof UnusableManifest)) throw error
    throw new WalrError('WALR_PLUGIN', `"${name}" ${printable(error.message)}`, { cause: error.cause })
  }
}
