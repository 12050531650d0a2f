import { dirname } from 'node:path'
import { BUILTIN_PLUGINS } from '../../builtin/index.ts'
import { systemErrorText } from '../../errors/system-error.ts'
import type { PluginHook } from '../../plugins/contract/index.ts'
import { readInstalledRecord } from '../../plugins/installer/installed-record.ts'
import { PluginStore } from '../../plugins/installer/plugin-store.ts'
import { packageFolder } from '../../plugins/loader/installed-plugin-folder.ts'
import { readManifest, UnusableManifest, type PluginManifest } from '../../plugins/loader/plugin-manifest.ts'
import { locatePlugin, PluginNotFound, type PluginLocation } from '../../plugins/loader/plugin-package.ts'
import { hooksOf } from '../../plugins/loader/plugin-shape.ts'
import { coreVersion } from '../../plugins/installer/contract-package.ts'
import { printable, printableLine } from '../../telemetry/printable-text.ts'
import type { PluginContext } from './plugin-context.ts'
import { readPluginConfig, type PluginConfig } from './plugin-config.ts'

/** A plugin that walr knows of. */
export interface ListedPlugin {
  /** As the configuration has it, or has to have it. */
  readonly name: string
  /** Null where that cannot be told: of a single file, and of what is broken. */
  readonly version: string | null
  readonly apiVersion: number | null
  readonly provides: readonly PluginHook[]
  readonly source: 'built-in' | 'folder' | 'data-directory' | 'missing'
  /** The folder, the file or the data directory. */
  readonly path: string | null
  /** What it was installed from with `walr plugins install`. */
  readonly spec: string | null
  /** Whether it is in the list `plugins`; what is built in need not be. */
  readonly configured: boolean
  /** Places of the entries that use it. */
  readonly usedAt: readonly string[]
  /** Why it cannot be used, as far as that can be told without running it. */
  readonly fault: string | null
}

/** All plugins, and where their names come from. */
export interface PluginListing {
  readonly configFile: string | null
  readonly dataDirectories: readonly string[]
  readonly plugins: readonly ListedPlugin[]
}

/**
 * Lists what is built in, what the configuration names, and what is installed, without running any of it.
 * @throws WalrError WALR_CONFIG
 */
export async function listPlugins(context: PluginContext): Promise<PluginListing> {
  const config = await readPluginConfig(context)
  const plugins = await builtins(config)
  const names = new Set(config.plugins)
  for (const name of names) plugins.push(await configured(name, config, context))
  for (const directory of context.dataDirectories) {
    const store = new PluginStore(directory)
    const found = await store.names().catch((error: unknown) => {
      context.logger.warning(`could not look for plugins in "${directory}": ${systemErrorText(error)}`)
      return []
    })
    for (const name of found) {
      if (names.has(name)) continue
      names.add(name)
      const generation = await store.current(name)
      if (generation !== undefined) plugins.push(await installed(name, directory, generation, config))
    }
  }
  return { configFile: config.file ?? null, dataDirectories: context.dataDirectories, plugins }
}

async function builtins(config: PluginConfig): Promise<ListedPlugin[]> {
  const version = await coreVersion()
  return BUILTIN_PLUGINS.map((plugin) => ({
    ...{ name: plugin.name, version, apiVersion: plugin.apiVersion, provides: hooksOf(plugin) },
    ...{ source: 'built-in', path: null, spec: null, configured: false, fault: null },
    usedAt: config.usesOf(plugin.name),
  }))
}

async function configured(
  name: string,
  config: PluginConfig,
  { workingDirectory, dataDirectories }: PluginContext,
): Promise<ListedPlugin> {
  const baseDirectory = config.file === undefined ? workingDirectory : dirname(config.file)
  const common = { ...unknownPlugin(name, config), configured: true }
  try {
    const location = await locatePlugin(name, { baseDirectory, dataDirectories })
    const place = await placeOf(name, location, dataDirectories)
    if (place !== undefined)
      return { ...(await installed(name, place.directory, place.generation, config)), configured: true }
    const path = location.kind === 'file' ? location.file : location.folder
    const facts = location.kind === 'file' ? {} : await manifestFacts(location.packageFile)
    return { ...common, source: 'folder', path, ...facts }
  } catch (error) {
    if (!(error instanceof PluginNotFound)) throw error
    return { ...common, source: 'missing', fault: error.message }
  }
}

/** The data directory that a located package is in. */
async function placeOf(
  name: string,
  location: PluginLocation,
  directories: readonly string[],
): Promise<{ readonly directory: string; readonly generation: string } | undefined> {
  if (location.kind === 'file') return undefined
  for (const directory of directories) {
    const generation = await new PluginStore(directory).current(name).catch(() => undefined) // the loader told of it
    if (generation !== undefined && packageFolder(generation, name) === location.folder)
      return { directory, generation }
  }
  return undefined
}

async function installed(
  name: string,
  directory: string,
  generation: string,
  config: PluginConfig,
): Promise<ListedPlugin> {
  const spec = await readInstalledRecord(generation).then(
    (record) => record.spec,
    () => null, // how it came there is of no importance for whether it works
  )
  const facts = await manifestFacts(`${packageFolder(generation, name)}/package.json`)
  return { ...unknownPlugin(name, config), source: 'data-directory', path: directory, spec, ...facts }
}

function unknownPlugin(name: string, config: PluginConfig): ListedPlugin {
  return {
    ...{ name, version: null, apiVersion: null, provides: [], source: 'missing', path: null, spec: null },
    ...{ configured: config.plugins.includes(name), usedAt: config.usesOf(name), fault: null },
  }
}

async function manifestFacts(
  packageFile: string,
): Promise<Pick<ListedPlugin, 'version' | 'apiVersion' | 'provides'> | { readonly fault: string }> {
  try {
    const { version, apiVersion, provides }: PluginManifest = await readManifest(packageFile)
    return { version: printableLine(version), apiVersion, provides }
  } catch (error) {
    if (error instanceof UnusableManifest) return { fault: printable(error.message) }
    throw error
  }
}
