import { readlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isSystemError } from '../../errors/system-error.ts'

/** Where a data directory keeps the generations of a plugin, one folder each. */
export function generationsFolder(dataDirectory: string, name: string): string {
  return join(dataDirectory, 'plugins', name.replace('/', '+'))
}

/** The link, beside the generations, to the one that counts. */
export function currentLink(dataDirectory: string, name: string): string {
  return join(generationsFolder(dataDirectory, name), 'current')
}

/** Where a plugin's own package lies in a generation. */
export function packageFolder(generation: string, name: string): string {
  return join(generation, 'node_modules', name)
}

/**
 * The generation of an installed plugin that counts at the moment: an absolute path without the link, so that whoever has it
 * stays with it. Undefined when the data directory has no plugin of that name. Any other failure is the system's error.
 */
export async function currentGeneration(dataDirectory: string, name: string): Promise<string | undefined> {
  const link = currentLink(dataDirectory, name)
  try {
    return resolve(dirname(link), await readlink(link))
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}
