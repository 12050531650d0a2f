import type { OptionDescription, PluginHook } from '../contract/index.ts'
import type { PluginManifest } from '../loader/plugin-manifest.ts'
import type { PluginLocation } from '../loader/plugin-package.ts'

/** What a plugin says of itself. Plain data: it is copied between threads. */
export interface ExaminedPlugin {
  readonly name: string
  readonly apiVersion: number
  readonly hooks: readonly PluginHook[]
  readonly options: readonly OptionDescription[]
}

/** What the thread that imports a plugin is given. */
export interface ExaminationRequest {
  readonly location: PluginLocation
  /** As the configuration or the manifest has it. */
  readonly name: string
  readonly manifest: PluginManifest | undefined
}

/** What it answers: the plugin, or the part of a sentence after its name. */
export type ExaminationAnswer = { readonly plugin: ExaminedPlugin } | { readonly fault: string }
