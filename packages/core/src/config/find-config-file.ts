import { lstat, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { isSection } from './config-tree.ts'

/** Where a configuration file may be named or found. */
export interface ConfigFilePlaces {
  /** `--config`. */
  readonly path?: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  /** Whether the working directory is looked into when nobody names a file. */
  readonly search: boolean
}

/** Names that are looked for, in the working directory only. */
export const CONFIG_FILE_NAMES: readonly string[] = [
  ...['yaml', 'yml', 'json', 'js', 'mjs', 'cjs', 'ts', 'mts'].map((ending) => `walr.config.${ending}`),
  ...['', '.yaml', '.yml', '.json', '.js', '.mjs', '.cjs', '.ts'].map((ending) => `.walrrc${ending}`),
]

/**
 * The configuration file: the one of `--config`, else that of WALR_CONFIG, else the only one in the working directory.
 * @returns an absolute path, whether or not there is such a file if it was named; undefined when there is none to be found.
 * @throws WalrError WALR_CONFIG when there are several, or when nobody can tell whether there is one.
 */
export async function findConfigFile(places: ConfigFilePlaces): Promise<string | undefined> {
  const { environment, workingDirectory } = places
  const variable = environment['WALR_CONFIG']
  const named = places.path ?? (variable === '' ? undefined : variable)
  if (named === '') throw new WalrError('WALR_CONFIG', 'the name of the configuration file is an empty string')
  if (named !== undefined) return resolve(workingDirectory, named)
  if (!places.search) return undefined
  const found: string[] = []
  for (const name of CONFIG_FILE_NAMES) {
    const file = join(workingDirectory, name)
    if (await isThere(file)) found.push(file)
  }
  const manifest = join(workingDirectory, 'package.json')
  if (await hasConfiguration(manifest)) found.push(manifest)
  if (found.length > 1) {
    const names = found.map((file) => `"${file}"`).join(', ')
    throw new WalrError('WALR_CONFIG', `there is more than one configuration file: ${names}`, {
      hint: 'Remove all but one, or name one with --config or WALR_CONFIG.',
    })
  }
  return found[0]
}

/** Only what the system says is absent is absent; a dangling link is there, and fails when it is read. */
async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file)
    return true
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false
    throw notReadable(file, error)
  }
}

async function hasConfiguration(manifestPath: string): Promise<boolean> {
  if (!(await isThere(manifestPath))) return false
  let text: string
  try {
    text = await readFile(manifestPath, 'utf8')
  } catch (error) {
    throw notReadable(manifestPath, error)
  }
  try {
    const manifest: unknown = JSON.parse(text)
    const property = isSection(manifest) ? manifest['walr'] : undefined
    // The description of a plugin is called so, too.
    return property !== undefined && !(isSection(property) && 'apiVersion' in property)
  } catch {
    throw new WalrError('WALR_CONFIG', `could not look for "walr" in "${manifestPath}": it is not valid JSON`)
  }
}

function notReadable(file: string, cause: unknown): WalrError {
  const message = `could not look for configuration file "${file}": ${systemErrorText(cause)}`
  return new WalrError('WALR_CONFIG', message, { cause, hint: 'Name the file with --config or WALR_CONFIG.' })
}
