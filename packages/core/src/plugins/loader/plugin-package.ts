import { realpath, readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { currentGeneration, packageFolder } from './installed-plugin-folder.ts'
import { reasonOf } from './plugin-faults.ts'

/** Where a plugin lies. Of a single file there is no `package.json`. */
export type PluginLocation =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'package'; readonly folder: string; readonly packageFile: string }

/** Why a plugin cannot be found; the message is the part of a sentence after its name. */
export class PluginNotFound extends Error {}

const packageName = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/

/** True for what names a file or folder rather than an installed package. */
export function isPath(specifier: string): boolean {
  return /^\.{1,2}(?:\/|$)/.test(specifier) || isAbsolute(specifier)
}

/** True for what can be the name of a package, without a version. */
export function isPackageName(text: string): boolean {
  return packageName.test(text)
}

/** Where plugins are looked for. All paths are absolute. */
export interface PluginPlaces {
  /** Relative paths begin here; packages are looked for in its `node_modules`, and in those of the folders above. */
  readonly baseDirectory: string
  /** Looked through, in their order, for packages that are not found there. */
  readonly dataDirectories: readonly string[]
}

/**
 * Finds a plugin without running anything of it: a file, a folder, or a package.
 * @throws PluginNotFound
 */
export async function locatePlugin(
  specifier: string,
  { baseDirectory, dataDirectories }: PluginPlaces,
): Promise<PluginLocation> {
  if (isPath(specifier)) return locatePath(resolve(baseDirectory, specifier))
  if (!isPackageName(specifier)) {
    throw new PluginNotFound('is neither the name of a package (without a version) nor a path that begins with "./"')
  }
  const folder =
    (await folderBeside(specifier, baseDirectory)) ??
    (await folderOfEntry(specifier, baseDirectory)) ??
    (await folderInData(specifier, dataDirectories))
  if (folder === undefined) {
    const looked = [`"${join(baseDirectory, 'node_modules')}" and above it`, ...dataDirectories.map(quoted)].join(', ')
    throw new PluginNotFound(`is not installed; run "walr plugins install ${specifier}" (looked in ${looked})`)
  }
  return { kind: 'package', folder, packageFile: join(folder, 'package.json') }
}

/**
 * The URL to import a located plugin from.
 * @throws PluginNotFound when the package names no entry, or a file that is not there.
 */
export async function pluginEntryUrl(location: PluginLocation, name: string): Promise<string> {
  if (location.kind === 'file') return pathToFileURL(location.file).href
  const { packageFile, folder } = location
  try {
    const file = (await hasExports(packageFile))
      ? fileURLToPath(await resolveImport(name, packageFile))
      : createRequire(packageFile).resolve(folder)
    return pathToFileURL(await realpath(file)).href
  } catch (cause) {
    throw new PluginNotFound(
      `has no entry that can be imported (its package.json: "${packageFile}"): ${reasonOf(cause)}`,
      {
        cause,
      },
    )
  }
}

async function locatePath(path: string): Promise<PluginLocation> {
  const stats = await stat(path).catch((cause: unknown) => {
    if (isSystemError(cause, 'ENOENT', 'ENOTDIR')) throw new PluginNotFound(`does not exist: there is no "${path}"`)
    throw new PluginNotFound(`cannot be looked at: ${reasonOf(cause)}`, { cause })
  })
  if (!stats.isDirectory()) return { kind: 'file', file: path }
  return { kind: 'package', folder: path, packageFile: join(path, 'package.json') }
}

/** Looks where Node looks, for the folder rather than for its entry, which an exports map may hide or lack. */
async function folderBeside(name: string, baseDirectory: string): Promise<string | undefined> {
  for (let folder = baseDirectory; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (await isFile(join(candidate, 'package.json'))) return realpath(candidate)
    if (dirname(folder) === folder) return undefined
  }
}

/** Where `walr plugins install` puts packages. */
async function folderInData(name: string, dataDirectories: readonly string[]): Promise<string | undefined> {
  for (const directory of dataDirectories) {
    const generation = await currentGeneration(directory, name).catch((cause: unknown) => {
      throw new PluginNotFound(`could not be looked for in "${directory}": ${systemErrorText(cause)}`, { cause })
    })
    if (generation !== undefined) return packageFolder(generation, name)
  }
  return undefined
}

/** For installations that are no folders of that name: from the entry upwards to the package.json with the right name. */
async function folderOfEntry(name: string, baseDirectory: string): Promise<string | undefined> {
  let entry: string
  try {
    entry = fileURLToPath(await resolveImport(name, join(baseDirectory, 'walr.config.js')))
  } catch {
    return undefined
  }
  for (let folder = dirname(entry); dirname(folder) !== folder; folder = dirname(folder)) {
    const file = join(folder, 'package.json')
    if ((await isFile(file)) && (await nameIn(file)) === name) return folder
  }
  return undefined
}

async function resolveImport(name: string, fromFile: string): Promise<string> {
  const { resolve: resolveModule } = await import('import-meta-resolve')
  return resolveModule(name, pathToFileURL(fromFile).href)
}

async function nameIn(packageFile: string): Promise<unknown> {
  return property(await readFile(packageFile, 'utf8'), 'name')
}

async function hasExports(packageFile: string): Promise<boolean> {
  return property(await readFile(packageFile, 'utf8'), 'exports') !== undefined
}

function property(json: string, name: string): unknown {
  const value: unknown = JSON.parse(json)
  return typeof value === 'object' && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )
}

function quoted(path: string): string {
  return `"${path}"`
}
