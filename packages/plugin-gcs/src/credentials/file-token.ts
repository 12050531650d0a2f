import { StorageError } from '@walr/core/plugin'
import { z } from 'zod'
import type { AccessToken } from './access-token.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { actAs } from './impersonation.ts'
import { serviceAccountToken } from './service-account-token.ts'
import { CLOUD_SCOPE } from './token-endpoints.ts'
import type { TokenContext } from './token-request.ts'
import { userToken } from './user-token.ts'

/** Gets a token for any of the kinds of credentials files that Google has. */
export async function fileToken(
  file: CredentialsFile,
  context: TokenContext,
  signal: AbortSignal,
): Promise<AccessToken> {
  switch (file.type) {
    case 'service_account':
      return serviceAccountToken(file, context, signal)
    case 'authorized_user':
    case 'external_account_authorized_user':
      return userToken(file, context, signal)
    case 'external_account': {
      const { externalAccountToken } = await import('./external-account-token.ts') // loads google-auth-library
      return externalAccountToken(file, context, signal)
    }
    case 'impersonated_service_account':
      return impersonatedToken(file, context, signal)
    default:
      throw new StorageError('AccessDenied', `${file.name} are of type "${file.type}", which this plugin does not know`)
  }
}

const impersonationSchema = z.object({
  service_account_impersonation_url: z.url(),
  delegates: z.array(z.string()).default([]),
  source_credentials: z.looseObject({ type: z.string() }),
  quota_project_id: z.string().optional(),
})

/** Gets a token for the account in the file, and with that one for the account that it may act as. */
async function impersonatedToken(
  file: CredentialsFile,
  context: TokenContext,
  signal: AbortSignal,
): Promise<AccessToken> {
  const settings = impersonationSchema.safeParse(file.json).data
  if (!settings) {
    const missing = '"service_account_impersonation_url" or "source_credentials"'
    throw new StorageError('AccessDenied', `${file.name} lacks ${missing}`)
  }
  const { source_credentials: json, delegates, quota_project_id: quotaProject } = settings
  const source = { name: file.name, type: json.type, json }
  const token = await fileToken(source, { ...context, scope: CLOUD_SCOPE }, signal)
  const acting = { url: settings.service_account_impersonation_url, delegates, what: file.name }
  return { ...(await actAs(acting, token, context, signal)), quotaProject }
}
