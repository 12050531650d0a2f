import type { PluginHook, WalrPlugin } from '../contract/index.ts'
import { apiVersionFault, type PluginManifest } from './plugin-manifest.ts'
import { shownValue } from './shown-value.ts'

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
  return optionsFault(fields.get('options')) ?? hooksFault(fields, manifest)
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

function optionsFault(value: unknown): string | undefined {
  const notTexts = 'has a default export whose "options" is not a list of { name, type, summary }'
  if (!Array.isArray(value)) return notTexts
  for (const option of value as readonly unknown[]) {
    const fields = new Map<string, unknown>(typeof option === 'object' && option !== null ? Object.entries(option) : [])
    const [name, type, summary] = ['name', 'type', 'summary'].map((field) => fields.get(field))
    if (typeof name !== 'string' || typeof type !== 'string' || typeof summary !== 'string') return notTexts
    for (const [field, expected] of Object.entries(mayBeAbsent)) {
      const found = fields.get(field)
      if (found === undefined || typeof found === expected) continue
      return `describes its option "${name}" with a "${field}" that is no ${expected}: ${shownValue(found)}`
    }
  }
  return undefined
}

/** What the description of an option has beside its name, type and summary. */
const mayBeAbsent = { default: 'string', required: 'boolean', secret: 'boolean' } as const
