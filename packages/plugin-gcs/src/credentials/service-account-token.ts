import { createPrivateKey, createSign, type KeyObject } from 'node:crypto'
import { StorageError } from '@walr/core/plugin'
import { z } from 'zod'
import type { AccessToken } from './access-token.ts'
import { bearerToken } from './bearer-token.ts'
import type { CredentialsFile } from './credentials-file.ts'
import { formRequest, requestToken, type TokenContext } from './token-request.ts'
import { DEFAULT_TOKEN_URI } from './token-endpoints.ts'

const LIFETIME_SECONDS = 3600

const keySchema = z.object({
  client_email: z.string().min(1),
  private_key: z.string().min(1),
  private_key_id: z.string().optional(),
  token_uri: z.url().default(DEFAULT_TOKEN_URI),
  quota_project_id: z.string().optional(),
})

/** Gets a token for the key of a service account: signs a claim with it and sends that to the server of tokens. */
export async function serviceAccountToken(
  file: CredentialsFile,
  context: TokenContext,
  signal: AbortSignal,
): Promise<AccessToken> {
  const key = keySchema.safeParse(file.json).data
  if (!key) throw new StorageError('AccessDenied', `${file.name} lacks "client_email" or "private_key"`)
  const assertion = sign(key, readKey(key.private_key, file), context)
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }
  const request = formRequest(new URL(key.token_uri), grant, signal)
  const { json } = await requestToken(context, `a token for ${file.name}`, request)
  return bearerToken(json, context.now(), key.quota_project_id)
}

function readKey(pem: string, { name }: CredentialsFile): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new StorageError('AccessDenied', `"private_key" in ${name} is no private key`) // the cause may quote it
  }
}

function sign(key: z.output<typeof keySchema>, privateKey: KeyObject, { now, scope }: TokenContext): string {
  const issuedAt = Math.floor(now().getTime() / 1000)
  const header = { alg: 'RS256', typ: 'JWT', kid: key.private_key_id }
  const claim = {
    iss: key.client_email,
    scope,
    aud: key.token_uri,
    iat: issuedAt,
    exp: issuedAt + LIFETIME_SECONDS,
  }
  const signed = [header, claim].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
}
