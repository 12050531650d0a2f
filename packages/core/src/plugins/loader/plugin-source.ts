import type { WalrPlugin } from '../contract/index.ts'
import { pluginFault, reasonOf, type NamedPlace } from './plugin-faults.ts'
import { readManifest, UnusableManifest, type PluginManifest } from './plugin-manifest.ts'
import {
  locatePlugin,
  pluginEntryUrl,
  PluginNotFound,
  type PluginLocation,
  type PluginPlaces,
} from './plugin-package.ts'
import { toPlugin } from './plugin-shape.ts'

/** Where a plugin comes from. Both steps are taken once, when they are first asked for. */
export interface PluginSource {
  readonly named: NamedPlace
  /** Without running a line of the plugin; undefined for what has no package.json. @throws PluginFaults */
  manifest(): Promise<PluginManifest | undefined>
  /** Imports it. @throws PluginFaults */
  plugin(): Promise<WalrPlugin>
}

/** A plugin that is part of walr. */
export function builtinSource(plugin: WalrPlugin): PluginSource {
  return {
    named: { plugin: plugin.name, place: 'built in', configFile: undefined },
    manifest: () => Promise.resolve(undefined),
    plugin: () => Promise.resolve(plugin),
  }
}

/** A plugin of the list `plugins`. */
export class ListedSource implements PluginSource {
  readonly named: NamedPlace
  readonly #places: PluginPlaces
  #found: Promise<Found> | undefined
  #plugin: Promise<WalrPlugin> | undefined

  constructor(named: NamedPlace, places: PluginPlaces) {
    this.named = named
    this.#places = places
  }

  async manifest(): Promise<PluginManifest | undefined> {
    return (await this.#find()).manifest
  }

  plugin(): Promise<WalrPlugin> {
    this.#plugin ??= this.#import()
    return this.#plugin
  }

  #find(): Promise<Found> {
    this.#found ??= this.#look()
    return this.#found
  }

  async #look(): Promise<Found> {
    try {
      const location = await locatePlugin(this.named.plugin, this.#places)
      if (location.kind === 'file') return { location, manifest: undefined }
      return { location, manifest: await readManifest(location.packageFile) }
    } catch (error) {
      if (!(error instanceof PluginNotFound || error instanceof UnusableManifest)) throw error
      throw pluginFault(this.named, 'WALR_PLUGIN', error.message, { cause: error.cause })
    }
  }

  async #import(): Promise<WalrPlugin> {
    const { location, manifest } = await this.#find()
    const result = toPlugin(await this.#defaultExport(location, manifest), manifest)
    if ('fault' in result) throw pluginFault(this.named, 'WALR_PLUGIN', result.fault)
    return result.plugin
  }

  async #defaultExport(location: PluginLocation, manifest: PluginManifest | undefined): Promise<unknown> {
    try {
      const url = await pluginEntryUrl(location, manifest?.name ?? this.named.plugin)
      const imported = (await import(/* @vite-ignore */ url)) as { readonly default?: unknown }
      return imported.default
    } catch (cause) {
      const text = cause instanceof PluginNotFound ? cause.message : `could not be imported: ${reasonOf(cause)}`
      throw pluginFault(this.named, 'WALR_PLUGIN', text, { cause })
    }
  }
}

interface Found {
  readonly location: PluginLocation
  readonly manifest: PluginManifest | undefined
}
