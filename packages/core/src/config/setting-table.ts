import { sectionShapes, settingDescriptions, type SettingDescription } from './config-schema.ts'
import type { ConfigPath } from './config-path.ts'

/** One key of the configuration. */
export interface Setting extends SettingDescription {
  readonly path: ConfigPath
  /** The variable of its value; for sections of options and for lists, what their variables begin with. */
  readonly variable: string
}

/** All keys, in the order of the documentation: those of the top level first. */
export const SETTINGS: readonly Setting[] = Object.entries(sectionShapes).flatMap(([section, shape]) =>
  Object.entries(shape).flatMap(([key, schema]): Setting[] => {
    const description = settingDescriptions.get(schema)
    if (description === undefined) return []
    const path = section === '' ? [key] : [section, key]
    return [{ ...description, path, variable: variableOf(path) }]
  }),
)

const secretSettings = new Set(SETTINGS.filter(({ secret }) => secret === true).map(({ path }) => path.join('.')))

/** True for `http.token`. */
export function isSecretSetting(path: string): boolean {
  return secretSettings.has(path)
}

/** Keys that the top level or a section has. */
export function keysOf(section: string): readonly string[] {
  return Object.keys(sectionShapes[section] ?? {})
}

/** `WALR_ARCHIVE_CODECS_0_LEVEL` for `archive.codecs[0].level`. */
export function variableOf(path: ConfigPath): string {
  return ['WALR', ...path.map((part) => upperSnake(String(part)))].join('_')
}

/** `forcePathStyle` for `FORCE_PATH_STYLE`. */
export function optionOf(words: string): string {
  return words.toLowerCase().replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** `FORCE_PATH_STYLE` for `forcePathStyle`. */
export function upperSnake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()
}
