import { StorageError } from '@walr/core/plugin'
import { z } from 'zod'
import type { AccessToken } from './access-token.ts'
import { bearerToken } from './bearer-token.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { DEFAULT_STS_URI, DEFAULT_TOKEN_URI } from './token-endpoints.ts'
import { formRequest, requestToken, type TokenContext } from './token-request.ts'

const userSchema = z.object({
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  refresh_token: z.string().min(1),
  token_uri: z.url().default(DEFAULT_TOKEN_URI),
  /** Of a user of workforce identity federation. */
  token_url: z.url().default(DEFAULT_STS_URI.replace(/token$/, 'oauthtoken')),
  quota_project_id: z.string().optional(),
})

/** Gets a token for a user who logged in with `gcloud auth application-default login`, also by workforce federation. */
export async function userToken(
  file: CredentialsFile,
  context: TokenContext,
  signal: AbortSignal,
): Promise<AccessToken> {
  const user = userSchema.safeParse(file.json).data
  if (!user)
    throw new StorageError('AccessDenied', `${file.name} lacks "client_id", "client_secret" or "refresh_token"`)
  const { client_id, client_secret, refresh_token, token_uri, token_url } = user
  const grant = { grant_type: 'refresh_token', refresh_token }
  const isFederated = file.type === 'external_account_authorized_user'
  const request = isFederated
    ? formRequest(new URL(token_url), grant, signal)
    : formRequest(new URL(token_uri), { ...grant, client_id, client_secret }, signal)
  const basic = `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`
  const headers = { ...request.headers, ...(isFederated ? { authorization: basic } : {}) }
  const { json } = await requestToken(context, `a token for ${file.name}`, { ...request, headers })
  return bearerToken(json, context.now(), user.quota_project_id)
}
