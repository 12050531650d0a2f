import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { HookContext } from '@walr/core/plugin'
import type { GcsOptions } from '../options.ts'
import type { TokenSource } from './access-token.ts'
import { readCredentialsFile } from './credentials-file.ts'
import { fileToken } from './file-token.ts'
import { metadataToken } from './metadata-token.ts'
import type { TokenContext } from './token-request.ts'

/** Contexts for the two kinds of places that tokens come from. */
export interface TokenContexts {
  readonly network: TokenContext
  /** Gives up soon: on most machines there is no such server, and connections to it come to nothing. */
  readonly metadata: TokenContext
}

/**
 * Where the tokens of these options come from: their key file; else, as application default credentials, the file that
 * GOOGLE_APPLICATION_CREDENTIALS names, the one that `gcloud` wrote, the metadata server. Undefined for none at all.
 */
export function findCredentials(
  { anonymous, keyFile }: GcsOptions,
  { baseDirectory }: HookContext,
  contexts: TokenContexts,
): TokenSource | undefined {
  if (anonymous) return undefined
  const fromFile = async (path: string, named: string, signal: AbortSignal) =>
    fileToken(await readCredentialsFile(path, named), contexts.network, signal)
  if (keyFile !== undefined) return (signal) => fromFile(resolve(baseDirectory, keyFile), 'option "keyFile"', signal)
  return async (signal) => {
    const named = process.env['GOOGLE_APPLICATION_CREDENTIALS']
    if (named !== undefined && named !== '') return fromFile(named, 'GOOGLE_APPLICATION_CREDENTIALS', signal)
    const folder = process.env['CLOUDSDK_CONFIG'] ?? join(homedir(), '.config', 'gcloud')
    const path = join(folder, 'application_default_credentials.json')
    if (await exists(path)) return fromFile(path, 'written by gcloud', signal)
    return metadataToken(contexts.metadata, signal)
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    // what cannot be looked at is there: reading it then tells why not
    return !(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
  }
}
