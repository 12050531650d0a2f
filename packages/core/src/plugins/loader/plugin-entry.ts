import type { PluginHook } from '../contract/index.ts'

/** A place in the configuration that uses a plugin. */
export interface PluginEntry {
  /** The name of a built-in, or exactly what the list `plugins` says. */
  readonly use: string
  /** All other keys of the entry, with variables and secrets expanded. */
  readonly options: Readonly<Record<string, unknown>>
  /** `archive.codecs[1]` */
  readonly place: string
  readonly hook: PluginHook
}

/** One thing that keeps a plugin or an entry from being used. */
export interface PluginFault {
  readonly plugin: string
  /** Where the configuration is to be looked at: `plugins[1]` or `archive.codecs[1]`. */
  readonly place: string
  readonly code: 'WALR_PLUGIN' | 'WALR_CONFIG'
  /** The whole sentence, with plugin, configuration file and place. */
  readonly message: string
  readonly cause?: unknown
}
