import { readFile } from 'node:fs/promises'
import { StorageError } from '@walr/core/plugin'
import { z } from 'zod'
import { parseJson } from '../api-error.ts'

/** A file of credentials in one of Google's forms. */
export interface CredentialsFile {
  /** For messages: what it is and where. */
  readonly name: string
  readonly type: string
  readonly json: Readonly<Record<string, unknown>>
}

const fileSchema = z.looseObject({ type: z.string() })

/**
 * Reads a file of credentials.
 * @param named tells who named it: `option "keyFile"`.
 * @throws StorageError AccessDenied when it cannot be read or is not one.
 */
export async function readCredentialsFile(path: string, named: string): Promise<CredentialsFile> {
  const name = `the credentials in "${path}" (${named})`
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StorageError('AccessDenied', `could not read ${name}: ${reason}`, { cause })
  }
  const parsed = fileSchema.safeParse(parseJson(text))
  if (!parsed.success) throw new StorageError('AccessDenied', `${name} are no JSON with a "type"`)
  return { name, type: parsed.data.type, json: parsed.data }
}
