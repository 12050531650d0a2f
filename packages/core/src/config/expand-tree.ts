import type { ConfigFault } from './config-fault.ts'
import { formatConfigPath, type ConfigPath } from './config-path.ts'
import { isSection, type ConfigSection, type ConfigValue } from './config-tree.ts'
import { expandText, type ExpansionSources } from './expand-text.ts'

/** What became of the references in a tree. */
export interface Expansion {
  readonly faults: readonly ConfigFault[]
  /** Paths of values that came from files, or from variables that are secret by their names. */
  readonly secretPaths: ReadonlySet<string>
}

/** Replaces the references in the texts of a tree, in place; `concerns` says which texts are looked at. */
export async function expandTree(
  tree: ConfigSection,
  sources: ExpansionSources,
  concerns: (path: string) => boolean = () => true,
): Promise<Expansion> {
  const faults: ConfigFault[] = []
  const secretPaths = new Set<string>()
  const expanded = async (value: ConfigValue, path: ConfigPath): Promise<ConfigValue> => {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) value[index] = await expanded(item, [...path, index])
    } else if (isSection(value)) {
      for (const [key, item] of Object.entries(value)) value[key] = await expanded(item, [...path, key])
    } else if (typeof value === 'string' && value.includes('$')) {
      const place = formatConfigPath(path)
      if (!concerns(place)) return value
      const result = await expandText(value, sources)
      if (result.secret) secretPaths.add(place)
      for (const message of result.faults) faults.push({ path: place, message })
      return result.text
    }
    return value
  }
  await expanded(tree, [])
  return { faults, secretPaths }
}
