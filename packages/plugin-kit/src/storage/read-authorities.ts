import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { StorageError } from '@walr/core/plugin'

/**
 * The certificates in the file that the option `caFile` names, as PEM; undefined without the option.
 * @param baseDirectory where a relative name starts.
 * @throws StorageError Permanent when the file cannot be read.
 */
export async function readAuthorities(caFile: string | undefined, baseDirectory: string): Promise<string | undefined> {
  if (caFile === undefined) return undefined
  const path = resolve(baseDirectory, caFile)
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StorageError('Permanent', `could not read "${path}" (option "caFile"): ${reason}`, { cause })
  }
}
