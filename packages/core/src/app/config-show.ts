import { formatConfigPath, type ConfigPath } from '../config/config-path.ts'
import { isSection, valueAt } from '../config/config-tree.ts'
import { connectionKeywords, isSecretPath } from '../config/connection-setting.ts'
import { formatDuration, type Duration } from '../config/duration.ts'
import type { LoadedConfig } from '../config/load-config.ts'
import { SETTINGS, type Setting } from '../config/setting-table.ts'
import type { PluginEntry } from '../config/walr-config.ts'
import { isSecretName, maskedValue, redact } from '../telemetry/redact.ts'

/**
 * Names of an entry's options that are secret, with dots where they are nested; undefined when the plugin cannot be asked.
 */
export type SecretOptions = (entry: PluginEntry, loaded: LoadedConfig) => Promise<ReadonlySet<string> | undefined>

/** One key and its value, as it may be shown. */
export interface ShownSetting {
  readonly key: string
  /** Masked when it is secret; null when it has none. */
  readonly value: string | number | boolean | null
  /** Null when there is no value. */
  readonly source: string | null
  readonly secret: boolean
}

/** Options that may be shown of a plugin that nobody knows. */
const harmless: readonly string[] = ['use', 'bucket', 'region', 'prefix', 'path', 'endpoint', 'level']

const optionalSections = ['archive', 'http'] as const

/** All keys with their values and where these came from, without secrets. */
export async function shownSettings(
  loaded: LoadedConfig,
  secretOptions: SecretOptions,
): Promise<readonly ShownSetting[]> {
  const rows: ShownSetting[] = []
  const missing = optionalSections.filter((section) => loaded.config[section] === undefined)
  for (const setting of SETTINGS) {
    const isMissing = missing.some((section) => section === setting.path[0])
    if (!isMissing) rows.push(...(await rowsOf(setting, loaded, secretOptions)))
  }
  return [...rows, ...missing.map(unset)]
}

/** The rows as a table with aligned columns. */
export function settingsTable(rows: readonly ShownSetting[]): string {
  const cells = [
    ['KEY', 'VALUE', 'SOURCE'],
    ...rows.map(({ key, value, source }) => [key, value === null ? '(not set)' : shownText(value), source ?? '']),
  ]
  const widths = [0, 1].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

async function rowsOf(
  { kind, path }: Setting,
  loaded: LoadedConfig,
  secretOptions: SecretOptions,
): Promise<ShownSetting[]> {
  const key = formatConfigPath(path)
  const value = valueAt(loaded.config, path)
  switch (kind) {
    case 'scalar':
      return [value === undefined ? unset(key) : row(path, isDuration(value) ? formatDuration(value) : value, loaded)]
    case 'connection':
      return connectionRows(loaded)
    case 'list': {
      const items: unknown[] = Array.isArray(value) ? value : []
      return items.length === 0 ? [unset(key)] : items.map((item, index) => row([...path, index], item, loaded))
    }
    case 'entry':
      return isEntry(value) ? entryRows(path, value, loaded, secretOptions) : [unset(key)]
    case 'entries':
      return listRows(path, value, loaded, secretOptions)
  }
}

async function listRows(
  path: ConfigPath,
  value: unknown,
  loaded: LoadedConfig,
  secretOptions: SecretOptions,
): Promise<ShownSetting[]> {
  const entries: unknown[] = Array.isArray(value) ? value : []
  const rows: ShownSetting[] = []
  for (const [index, entry] of entries.entries()) {
    if (isEntry(entry)) rows.push(...(await entryRows([...path, index], entry, loaded, secretOptions)))
  }
  return rows.length === 0 ? [unset(formatConfigPath(path))] : rows
}

/** A string is taken apart, so that no more than its secrets have to be hidden. */
function connectionRows(loaded: LoadedConfig): ShownSetting[] {
  const keywords = [...connectionKeywords(loaded.config.connection)]
  if (keywords.length === 0) return [unset('connection')]
  const allSecret = loaded.secretPaths.has('connection')
  return keywords.map(([keyword, value]) => {
    const path = ['connection', keyword]
    return row(path, value, loaded, allSecret || isSecretPath(formatConfigPath(path)))
  })
}

async function entryRows(
  path: ConfigPath,
  entry: PluginEntry,
  loaded: LoadedConfig,
  secretOptions: SecretOptions,
): Promise<ShownSetting[]> {
  const secrets = await secretOptions(entry, loaded)
  const isSecret = (option: ConfigPath, value: unknown): boolean => {
    if (option[0] === 'use') return false
    const names = option.map((_, index) => formatConfigPath(option.slice(0, index + 1)).replace(/\[\d+\]/g, ''))
    if (names.some((name) => isSecretName(name))) return true
    if (secrets !== undefined) return names.some((name) => secrets.has(name))
    return typeof value === 'string' && !harmless.includes(String(option[0]))
  }
  const rows = (option: ConfigPath, value: unknown): ShownSetting[] => {
    if (Array.isArray(value)) return value.flatMap((item: unknown, index) => rows([...option, index], item))
    if (isSection(value)) return Object.entries(value).flatMap(([name, item]) => rows([...option, name], item))
    return [row([...path, ...option], value, loaded, isSecret(option, value))]
  }
  return rows([], entry)
}

function row(path: ConfigPath, value: unknown, { sourceOf, secretPaths }: LoadedConfig, hidden = false): ShownSetting {
  const key = formatConfigPath(path)
  const secret = hidden || secretPaths.has(key)
  const plain = typeof value === 'number' || typeof value === 'boolean' ? value : redact(String(value))
  return { key, value: secret ? maskedValue() : plain, source: sourceOf(key), secret }
}

function unset(key: string): ShownSetting {
  return { key, value: null, source: null, secret: false }
}

/** Text that would not be seen as it is, or would break the table, is quoted. */
function shownText(value: string | number | boolean): string {
  const text = String(value)
  return typeof value === 'string' && !/^[^\s\p{C}](?:[^\p{C}\n]*[^\s\p{C}])?$/u.test(text)
    ? JSON.stringify(text)
    : text
}

function isDuration(value: unknown): value is Duration {
  return isSection(value) && typeof value['ms'] === 'number'
}

function isEntry(value: unknown): value is PluginEntry {
  return isSection(value) && typeof value['use'] === 'string'
}
