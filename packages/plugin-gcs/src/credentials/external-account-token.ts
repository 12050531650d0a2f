import { StorageError } from '@walr/core/plugin'
import { z } from 'zod'
import type { AccessToken } from './access-token.ts'
import { bearerToken } from './bearer-token.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { actAs } from './impersonation.ts'
import { subjectToken } from './subject-token.ts'
import { CLOUD_SCOPE, DEFAULT_STS_URI } from './token-endpoints.ts'
import { formRequest, requestToken, type TokenContext } from './token-request.ts'

const settingsSchema = z.object({
  audience: z.string().min(1),
  subject_token_type: z.string().min(1),
  token_url: z.url().default(DEFAULT_STS_URI),
  client_id: z.string().optional(),
  client_secret: z.string().default(''),
  workforce_pool_user_project: z.string().optional(),
  service_account_impersonation_url: z.url().optional(),
  service_account_impersonation: z.object({ token_lifetime_seconds: z.int().min(1).optional() }).default({}),
  quota_project_id: z.string().optional(),
})

/**
 * Gets a token by workload or workforce identity federation: exchanges an identity of somebody else's for one of Google's.
 * Only the identity comes from google-auth-library. Its exchange knows no time limit and no abort.
 */
export async function externalAccountToken(
  file: CredentialsFile,
  context: TokenContext,
  signal: AbortSignal,
): Promise<AccessToken> {
  const settings = settingsSchema.safeParse(file.json).data
  if (!settings) throw new StorageError('AccessDenied', `${file.name} lacks "audience" or "subject_token_type"`)
  const { service_account_impersonation_url: actingUrl, quota_project_id: quotaProject } = settings
  // who acts as somebody else needs more than the scope of that one
  const scope = actingUrl === undefined ? context.scope : CLOUD_SCOPE
  const subject = await subjectToken(file, context, signal)
  const token = await exchangeToken(settings, { file, context, subject, scope, signal })
  if (actingUrl === undefined) return { ...token, quotaProject }
  const { token_lifetime_seconds: seconds } = settings.service_account_impersonation
  const acting = { url: actingUrl, what: file.name, ...(seconds === undefined ? {} : { seconds }) }
  return { ...(await actAs(acting, token, context, signal)), quotaProject }
}

interface Exchange {
  readonly file: CredentialsFile
  readonly context: TokenContext
  readonly subject: string
  readonly scope: string
  readonly signal: AbortSignal
}

async function exchangeToken(
  settings: z.output<typeof settingsSchema>,
  { file, context, subject, scope, signal }: Exchange,
): Promise<AccessToken> {
  const { audience, subject_token_type, client_id, client_secret, workforce_pool_user_project: userProject } = settings
  const request = formRequest(
    new URL(settings.token_url),
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      audience,
      scope,
      subject_token: subject,
      subject_token_type,
      // who names a client is charged to the client's project
      ...(userProject === undefined || client_id !== undefined ? {} : { options: JSON.stringify({ userProject }) }),
    },
    signal,
  )
  const client = client_id === undefined ? undefined : Buffer.from(`${client_id}:${client_secret}`).toString('base64')
  const headers = { ...request.headers, ...(client === undefined ? {} : { authorization: `Basic ${client}` }) }
  const { json } = await requestToken(context, `a token for ${file.name}`, { ...request, headers })
  return bearerToken(json, context.now())
}
