import type { PluginHook, WalrPlugin } from '../contract/index.ts'
import { apiVersionFault, type PluginManifest } from './plugin-manifest.ts'

/** The name of the function that offers a hook. */
export const HOOK_FUNCTIONS = {
  storage: 'createStorage',
  codec: 'createCodec',
  retention: 'createRetention',
} as const satisfies Record<PluginHook, keyof WalrPlugin>

/** The hooks that a plugin offers. */
export function hooksOf(plugin: WalrPlugin): readonly PluginHook[] {
  const hooks: readonly PluginHook[] = ['storage', 'codec', 'retention']
  return hooks.filter((hook) => plugin[HOOK_FUNCTIONS[hook]] !== undefined)
}

/** A plugin, or why it is none: the part of a sentence after its name. */
export type PluginOrFault = { readonly plugin: WalrPlugin } | { readonly fault: string }

/**
 * Looks whether a module's default export is the plugin that its manifest promises.
 * @param manifest undefined for a single file, which has none.
 */
export function toPlugin(exported: unknown, manifest: PluginManifest | undefined): PluginOrFault {
  const value = unwrapped(exported)
  if (typeof value !== 'object' || value === null) {
    return { fault: `has no default export made with definePlugin: it is ${value === null ? 'null' : typeof value}` }
  }
  const fault = shapeFault(new Map(Object.entries(value)), manifest)
  return fault === undefined ? { plugin: value as WalrPlugin } : { fault }
}

/** What was compiled to CommonJS has its default export inside of the one that Node makes. */
function unwrapped(exported: unknown): unknown {
  if (typeof exported !== 'object' || exported === null) return exported
  const { __esModule: compiled, default: inner } = exported as {
    readonly __esModule?: unknown
    readonly default?: unknown
  }
  return compiled === true && inner !== undefined ? inner : exported
}

function shapeFault(fields: ReadonlyMap<string, unknown>, manifest: PluginManifest | undefined): string | undefined {
  const name = fields.get('name')
  if (typeof name !== 'string' || name === '') return 'has a default export without "name"; make it with definePlugin'
  if (manifest !== undefined && name !== manifest.name) {
    return `calls itself "${name}" in its default export, but "${manifest.name}" in its package.json`
  }
  const versionFault = apiVersionFault(fields.get('apiVersion'), name)
  if (versionFault !== undefined) return versionFault
  if (typeof fields.get('parseOptions') !== 'function') return 'has a default export without a function "parseOptions"'
  if (!describesOptions(fields.get('options'))) {
    return 'has a default export whose "options" is not a list of { name, type, summary }'
  }
  return hooksFault(fields, manifest)
}

function hooksFault(fields: ReadonlyMap<string, unknown>, manifest: PluginManifest | undefined): string | undefined {
  let count = 0
  for (const [hook, name] of Object.entries(HOOK_FUNCTIONS)) {
    const value = fields.get(name)
    if (value !== undefined && typeof value !== 'function') return `has a "${name}" that is no function`
    if (value !== undefined) count += 1
    if (manifest === undefined) continue
    const promised = manifest.provides.some((each) => each === hook)
    if (promised && value === undefined) return `promises "${hook}" in its package.json, but has no "${name}"`
    if (!promised && value !== undefined)
      return `has "${name}", but "walr.provides" in its package.json lacks "${hook}"`
  }
  return count === 0 ? `offers none of ${Object.values(HOOK_FUNCTIONS).join(', ')}` : undefined
}

function describesOptions(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((option: unknown) => {
      if (typeof option !== 'object' || option === null) return false
      const { name, type, summary } = option as {
        readonly name?: unknown
        readonly type?: unknown
        readonly summary?: unknown
      }
      return [name, type, summary].every((text) => typeof text === 'string')
    })
  )
}
