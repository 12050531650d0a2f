import { readFile } from 'node:fs/promises'
import { isStorageError, StorageError } from '@walr/core/plugin'
import type { AccessToken } from './access-token.ts'
import { bearerToken } from './bearer-token.ts'
import { requestToken, type TokenContext } from './token-request.ts'

/** By number: its name cannot be looked up where there is none. */
const DEFAULT_HOST = '169.254.169.254'
const PATH = '/computeMetadata/v1/instance/service-accounts/default/token'
/** What the firmware of Google's machines calls them. */
const PRODUCT_NAME_FILE = '/sys/class/dmi/id/product_name'

/** Gets a token for the account of the machine, the pod or the service that this runs in. */
export async function metadataToken(context: TokenContext, signal: AbortSignal): Promise<AccessToken> {
  const named = process.env['GCE_METADATA_HOST'] ?? process.env['GCE_METADATA_IP']
  const url = new URL(`http://${named ?? DEFAULT_HOST}${PATH}`)
  url.searchParams.set('scopes', context.scope)
  try {
    const headers = { 'metadata-flavor': 'Google' }
    const request = { method: 'GET', url, headers, signal }
    const answer = await requestToken(context, 'a token for the account of this machine', request)
    if (answer.headers['metadata-flavor'] === 'Google') return bearerToken(answer.json, context.now())
    throw new StorageError('Permanent', `${url.origin} is not the metadata server of Google`)
  } catch (error) {
    signal.throwIfAborted()
    if (!isStorageError(error, 'Transient', 'Permanent')) throw error
    if (isStorageError(error, 'Transient') && (named !== undefined || (await isMachineOfGoogle()))) throw error
    throw new StorageError(
      'AccessDenied',
      'no credentials were found: set "keyFile", or GOOGLE_APPLICATION_CREDENTIALS in the environment, or run ' +
        `"gcloud auth application-default login"; this is no machine of Google either (${error.message})`,
    )
  }
}

async function isMachineOfGoogle(): Promise<boolean> {
  try {
    return (await readFile(PRODUCT_NAME_FILE, 'utf8')).startsWith('Google')
  } catch {
    return false // not every machine tells its name
  }
}
