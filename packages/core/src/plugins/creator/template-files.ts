import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PluginHook } from '../contract/index.ts'

/** Licences that a new package may have. */
export const PLUGIN_LICENSES = ['apache-2.0', 'mit', 'none'] as const
export type PluginLicense = (typeof PLUGIN_LICENSES)[number]

/** What stands for `__NAME__` and the like in a template. */
export type TemplateValues = Readonly<Record<string, string>>

const folder = fileURLToPath(new URL('../../../templates', import.meta.url))
/** npm would leave files of these names out of walr's own package, or take them for its own. */
const renamed: Readonly<Record<string, string>> = {
  gitignore: '.gitignore',
  github: '.github',
  'package.template.json': 'package.json',
}

/** The files of a new package: their paths, relative and with `/`, and their texts. */
export async function templateFiles(
  kind: PluginHook,
  license: PluginLicense,
  values: TemplateValues,
): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  for (const part of ['shared', kind]) {
    const names = await readdir(join(folder, part), { recursive: true, withFileTypes: true })
    for (const entry of names.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name).slice(join(folder, part).length + 1)
      files.set(shownPath(path), filled(await readFile(join(folder, part, path), 'utf8'), values))
    }
  }
  if (license !== 'none') {
    files.set('LICENSE', filled(await readFile(join(folder, 'licenses', `${license}.txt`), 'utf8'), values))
  }
  return files
}

function shownPath(path: string): string {
  return path
    .split(/[/\\]/)
    .map((part) => renamed[part] ?? part)
    .join('/')
}

function filled(text: string, values: TemplateValues): string {
  return text.replace(/__([A-Z][A-Z_]*[A-Z])__/g, (token, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`a template has ${token}, which nothing stands for`)
    return value
  })
}
