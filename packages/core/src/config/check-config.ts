import type { z } from 'zod'
import { nearestName } from '../plugins/contract/nearest-name.ts'
import type { ConfigFault } from './config-fault.ts'
import { formatConfigPath, type ConfigPath } from './config-path.ts'
import { configSchema, settingDescriptions, sectionShapes } from './config-schema.ts'
import { nameOf, valueAt, type ConfigSection } from './config-tree.ts'
import { entryFaults, httpFaults, slotFaults, type IsSecret } from './cross-checks.ts'
import { CONNECTION_KEYWORDS } from './libpq/connection-keywords.ts'
import { keysOf, SETTINGS } from './setting-table.ts'
import type { WalrConfig } from './walr-config.ts'

/** Sections that other versions have. */
const laterSections: readonly string[] = ['backup', 'retention']

/** What came out of the checks. */
export interface CheckedConfig {
  /** Undefined when there are faults. */
  readonly config: WalrConfig | undefined
  readonly faults: readonly ConfigFault[]
}

/**
 * Checks a tree with everything filled in. All faults are found at once; their messages never hold a secret.
 * @param isSecret whether the value at a path must not be shown.
 */
export function checkConfig(tree: ConfigSection, isSecret: IsSecret): CheckedConfig {
  const parsed = configSchema.safeParse(tree)
  const issues = parsed.error?.issues ?? []
  const faults = issues.flatMap((issue) => faultsOf(issue, tree, isSecret))
  faults.push(...entryFaults(tree, isSecret), ...slotFaults(tree, isSecret), ...httpFaults(tree))
  return { config: faults.length === 0 ? parsed.data : undefined, faults }
}

function faultsOf(issue: z.core.$ZodIssue, tree: ConfigSection, isSecret: IsSecret): ConfigFault[] {
  const place = issue.path.map((part) => (typeof part === 'number' ? part : String(part)))
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(place, key))
  const path = formatConfigPath(place)
  const value = valueAt(tree, place)
  if (value === undefined) return [{ path, message: `is missing: ${expectedAt(place)}` }]
  // The parser of connection strings says which word of one it does not understand.
  if (path === 'connection' && isSecret(path)) return [{ path, message: 'must be a connection string or a URI' }]
  const expected = issue.code === 'custom' ? issue.message : `must be ${expectedAt(place)}`
  return [{ path, message: `${expected}${received(value, place[0] === 'connection' || isSecret(path))}` }]
}

function unknownKey(section: ConfigPath, key: string): ConfigFault {
  const path = formatConfigPath([...section, key])
  if (section.length === 0 && laterSections.includes(key)) {
    return { path, message: `this version of walr does not have the section "${key}"` }
  }
  if (section[0] === 'connection') {
    const nearest = nearestName(key, Object.keys(CONNECTION_KEYWORDS))
    return {
      path,
      message: `is no keyword of a connection${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`,
    }
  }
  const nearest = nearestName(
    key,
    keysOf(formatConfigPath(section)).concat(section.length === 0 ? Object.keys(sectionShapes) : []),
  )
  const elsewhere = SETTINGS.find((setting) => setting.path.at(-1) === key)?.path
  const meant = nearest === undefined ? elsewhere : [...section, nearest]
  const advice = meant === undefined ? '' : `; did you mean "${formatConfigPath(meant)}"?`
  return { path, message: `unknown key${advice}` }
}

/** What should stand at a place, for messages. */
function expectedAt(path: ConfigPath): string {
  const [section = '', key] = path.map(String)
  if (path.at(-1) === 'use') return 'it names a plugin or a built-in'
  if (path.length > 1 && typeof path.at(-1) === 'number') return 'a section with "use" and the options of the plugin'
  const schema = key === undefined ? sectionShapes['']?.[section] : sectionShapes[section]?.[key]
  const description = schema === undefined ? undefined : settingDescriptions.get(schema)
  if (description === undefined) return 'a section with keys of its own'
  return description.kind === 'entry' ? 'a section with "use" and the options of the plugin' : `a ${description.type}`
}

const MAX_SHOWN = 80

function received(value: unknown, hidden: boolean): string {
  if (hidden) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return `, received ${value}`
  if (typeof value !== 'string') return `, received ${nameOf(value)}`
  const shown = value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}...` : value
  return `, received ${JSON.stringify(shown)}`
}
