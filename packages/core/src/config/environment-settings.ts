import { nearestName } from '../plugins/contract/nearest-name.ts'
import type { ConfigFault } from './config-fault.ts'
import { formatConfigPath, type ConfigPath } from './config-path.ts'
import { isSection, putAt, valueAt, type ConfigSection, type ConfigValue } from './config-tree.ts'
import { CONNECTION_KEYWORDS } from './libpq/connection-keywords.ts'
import { optionOf, SETTINGS, upperSnake, variableOf, type Setting } from './setting-table.ts'

/** One value of the environment and its place in the configuration. */
export interface EnvironmentSetting {
  readonly variable: string
  readonly path: ConfigPath
  readonly value: ConfigValue
}

type Environment = Readonly<Record<string, string | undefined>>

/** A service of Kubernetes that is called `walr-archive` or the like puts these into every container. */
const serviceLink = /_SERVICE_HOST$|_SERVICE_PORT(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/

const firstWords = new Set(SETTINGS.map(({ variable }) => variable.split('_')[1]))

/**
 * The values of the configuration that the environment has, lists before their items and items before their options. Empty
 * variables count as not set; of names that begin with `WALR_` only those of a section have to fit.
 * @param tree what the file holds; options keep the spelling that they have there.
 */
export function environmentSettings(
  environment: Environment,
  tree: ConfigSection,
): { settings: readonly EnvironmentSetting[]; faults: readonly ConfigFault[] } {
  const settings: EnvironmentSetting[] = []
  const faults: ConfigFault[] = []
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined || value === '' || !isOurs(variable, value)) continue
    const found = SETTINGS.map((setting) => settingFor(setting, variable, value, tree)).find((one) => one !== undefined)
    if (found !== undefined) settings.push({ variable, ...found })
    else faults.push(unknownVariable(variable))
  }
  const order = ({ path }: EnvironmentSetting): string =>
    [path.length, ...path.map((part) => String(part).padStart(9, '0'))].join(' ')
  return { settings: settings.sort((a, b) => order(a).localeCompare(order(b), 'en')), faults }
}

/** Puts the values of the environment into the tree; the faults are those that do not fit what is there. */
export function applyEnvironment(tree: ConfigSection, settings: readonly EnvironmentSetting[]): readonly ConfigFault[] {
  const faults: ConfigFault[] = []
  for (const { variable, path, value } of settings) {
    const list = path.slice(0, 2)
    // An option of the default codec is an option of what is there.
    const missingDefault = path.length > 2 && path[1] === 'codecs' && valueAt(tree, list) === undefined
    if (missingDefault) putAt(tree, list, [{ use: 'zstd' }])
    if (!putAt(tree, path, value)) {
      const message = 'has no place: an item of a list before it is missing, or the file has no section there'
      faults.push({ path: formatConfigPath(path), message, source: sourceOfVariable(variable) })
    }
  }
  return faults
}

/** How messages call a variable. */
export function sourceOfVariable(variable: string): `environment variable ${string}` {
  return `environment variable ${variable}`
}

function isOurs(variable: string, value: string): boolean {
  if (!variable.startsWith('WALR_') || !firstWords.has(variable.split('_')[1])) return false
  return !serviceLink.test(variable) && !(variable.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value))
}

function settingFor(
  { kind, path, variable: own }: Setting,
  variable: string,
  value: string,
  tree: ConfigSection,
): Omit<EnvironmentSetting, 'variable'> | undefined {
  if (variable === own) {
    if (kind === 'scalar' || kind === 'connection') return { path, value }
    if (kind === 'list') return { path, value: items(value) }
    return kind === 'entries' ? { path, value: items(value).map((use) => ({ use })) } : undefined
  }
  if (!variable.startsWith(`${own}_`)) return undefined
  const rest = variable.slice(own.length + 1)
  if (kind === 'connection') {
    const keyword = rest.toLowerCase()
    return Object.hasOwn(CONNECTION_KEYWORDS, keyword) ? { path: [...path, keyword], value } : undefined
  }
  if (kind === 'entry') return { path: [...path, optionIn(valueAt(tree, path), rest)], value }
  const [, index, option] = /^(\d{1,3})(?:_(.+))?$/.exec(rest) ?? []
  if (index === undefined || kind === 'scalar') return undefined
  const item = [...path, Number(index)]
  if (kind === 'list') return option === undefined ? { path: item, value } : undefined
  if (option === undefined) return { path: item, value: { use: value } }
  return { path: [...item, optionIn(valueAt(tree, item), option)], value }
}

/** Plugins may spell options in ways that the variable does not show (`kmsKeyID`); the file's spelling counts. */
function optionIn(entry: unknown, words: string): string {
  const present = isSection(entry) ? Object.keys(entry) : []
  return present.find((key) => upperSnake(key) === words) ?? optionOf(words)
}

function items(value: string): string[] {
  return value.split(',').map((item) => item.trim())
}

function unknownVariable(variable: string): ConfigFault {
  const keywords = Object.keys(CONNECTION_KEYWORDS).map((keyword) => variableOf(['connection', keyword]))
  const names = SETTINGS.map((setting) => (setting.kind === 'entry' ? `${setting.variable}_USE` : setting.variable))
  const nearest = nearestName(variable, [...names, ...keywords])
  const advice = nearest === undefined ? 'remove it, or rename it' : `did you mean ${nearest}?`
  return { path: '', message: `environment variable ${variable} belongs to no key of the configuration; ${advice}` }
}
