import type { PluginFault } from './plugin-entry.ts'
import type { WalrPlugin } from '../contract/index.ts'
import { pluginFault, PluginFaults } from './plugin-faults.ts'
import type { PluginPlaces } from './plugin-package.ts'
import { builtinSource, ListedSource, type PluginSource } from './plugin-source.ts'

/** What a {@link PluginList} is made of; as in the loader's options. */
export interface PluginListOptions extends PluginPlaces {
  readonly plugins: readonly string[]
  readonly builtins: readonly WalrPlugin[]
  readonly configFile: string | undefined
}

/** Built-in plugins, and those of the list `plugins`, by the name under which entries use them. */
export class PluginList {
  readonly #builtins: ReadonlyMap<string, PluginSource>
  readonly #listed: ReadonlyMap<string, PluginSource>
  readonly #faults: readonly PluginFault[]

  constructor({ plugins, builtins, configFile, baseDirectory, dataDirectories }: PluginListOptions) {
    this.#builtins = new Map(builtins.map((plugin) => [plugin.name, builtinSource(plugin)]))
    const listed = new Map<string, PluginSource>()
    const faults: PluginFault[] = []
    for (const [index, plugin] of plugins.entries()) {
      const named = { plugin, place: `plugins[${index}]`, configFile }
      const before = listed.get(plugin)
      if (this.#builtins.has(plugin)) {
        faults.push(...pluginFault(named, 'WALR_CONFIG', 'is built in; take it off the list').faults)
      } else if (before !== undefined) {
        faults.push(...pluginFault(named, 'WALR_CONFIG', `is in the list before, as ${before.named.place}`).faults)
      } else listed.set(plugin, new ListedSource(named, { baseDirectory, dataDirectories }))
    }
    this.#listed = listed
    this.#faults = faults
  }

  find(use: string): PluginSource | undefined {
    return this.#builtins.get(use) ?? this.#listed.get(use)
  }

  /** The faults of the list itself, and one promise for each plugin of it, without running anything of it. */
  checks(): readonly Promise<readonly PluginFault[]>[] {
    return [Promise.resolve(this.#faults), ...[...this.#listed.values()].map(manifestFaults)]
  }
}

async function manifestFaults(source: PluginSource): Promise<readonly PluginFault[]> {
  try {
    await source.manifest()
    return []
  } catch (error) {
    if (error instanceof PluginFaults) return error.faults
    throw error
  }
}
