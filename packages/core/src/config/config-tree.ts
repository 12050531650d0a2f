import { formatConfigPath, type ConfigPath } from './config-path.ts'
import type { ConfigFault } from './config-fault.ts'

/** A configuration before it is checked: what YAML and JSON can say. */
export type ConfigValue = string | number | boolean | ConfigValue[] | ConfigSection
export interface ConfigSection {
  [key: string]: ConfigValue
}

/** Deeper than this only something that contains itself is. */
const MAX_DEPTH = 32
/** Where nothing stands behind the key, these are as if they had no keys. */
const sections: readonly string[] = ['receive', 'archive', 'http']

/** True for what `{...}` makes. */
export function isSection(value: unknown): value is ConfigSection {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The value at a place; undefined when there is none. */
export function valueAt(tree: unknown, path: ConfigPath): unknown {
  let value = tree
  for (const part of path) {
    if (Array.isArray(value) && typeof part === 'number') value = value[part]
    else if (isSection(value) && Object.hasOwn(value, part)) value = value[part]
    else return undefined
  }
  return value
}

/**
 * Puts a value at a place, making the sections and lists on the way.
 * @returns false when something else is in the way, or when it would leave a hole in a list.
 */
export function putAt(tree: ConfigSection, path: ConfigPath, value: ConfigValue): boolean {
  let at: ConfigValue = tree
  for (const [depth, part] of path.entries()) {
    const last = depth === path.length - 1
    const next: ConfigValue = last ? value : typeof path[depth + 1] === 'number' ? [] : {}
    if (Array.isArray(at) && typeof part === 'number' && part <= at.length) {
      if (last || at[part] === undefined) at[part] = next
      at = at[part] ?? next
    } else if (isSection(at) && typeof part === 'string') {
      if (last || !Object.hasOwn(at, part)) at[part] = next
      at = at[part] ?? next
    } else return false
  }
  return true
}

/** Calls `visit` for every value below `tree`, sections and lists before what is in them. */
export function walkConfig(
  tree: ConfigValue,
  visit: (path: ConfigPath, value: ConfigValue) => void,
  path: ConfigPath = [],
): void {
  if (path.length > 0) visit(path, tree)
  if (Array.isArray(tree)) tree.forEach((item, index) => walkConfig(item, visit, [...path, index]))
  else if (isSection(tree)) for (const [key, item] of Object.entries(tree)) walkConfig(item, visit, [...path, key])
}

/**
 * Copies what a file holds into a tree of plain values. A codec that is only named becomes an entry. What is no value of a
 * configuration is left out and becomes a fault.
 */
export function toConfigTree(content: unknown): { tree: ConfigSection; faults: readonly ConfigFault[] } {
  if (!isSection(content)) {
    return { tree: {}, faults: [{ path: '', message: `must be sections and keys, received ${nameOf(content)}` }] }
  }
  const copier = new TreeCopier()
  const tree = copier.copy(content, [])
  return { tree: isSection(tree) ? tree : {}, faults: copier.faults }
}

class TreeCopier {
  readonly faults: ConfigFault[] = []

  copy(value: unknown, path: ConfigPath): ConfigValue | undefined {
    const tooDeep = path.length > MAX_DEPTH
    if (typeof value === 'string') return isCodec(path) ? { use: value } : value
    if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value
    if (Array.isArray(value) && !tooDeep) {
      return value.map((item: unknown, index) => this.copy(item, [...path, index]) ?? '')
    }
    if (isSection(value) && !tooDeep) return this.#copySection(value, path)
    if (value === null && sections.includes(formatConfigPath(path))) return {}
    this.#fault(path, tooDeep ? 'is nested too deeply, or contains itself' : faultOf(value))
    return undefined
  }

  #copySection(section: Readonly<Record<string, unknown>>, path: ConfigPath): ConfigSection {
    const copies: ConfigSection = {}
    for (const [key, item] of Object.entries(section)) {
      const copied = item === undefined ? undefined : this.copy(item, [...path, key])
      // An assignment to this key would change the object instead of adding to it.
      if (key === '__proto__') this.#fault(path, 'has a key "__proto__", which nothing can have')
      else if (copied !== undefined) copies[key] = copied
    }
    return copies
  }

  #fault(path: ConfigPath, message: string): void {
    this.faults.push({ path: formatConfigPath(path), message })
  }
}

function faultOf(value: unknown): string {
  return value === null ? 'has no value; give it one, or remove the key' : `cannot be ${nameOf(value)}`
}

/** What kind of value it is, without the value. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (isSection(value)) return 'a section'
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number'
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'true or false'
  return typeof value === 'function' ? 'a function' : 'an object'
}

function isCodec([section, list, index, ...more]: ConfigPath): boolean {
  return (
    section === 'archive' &&
    (list === 'codecs' || list === 'readCodecs') &&
    typeof index === 'number' &&
    more.length === 0
  )
}
