import { StorageError } from '@walr/core/plugin'
import { z } from 'zod'
import type { AccessToken } from './access-token.ts'
import { requestToken, type TokenContext } from './token-request.ts'

/** Whom a token is to act as. */
export interface Acting {
  /** Ends with `:generateAccessToken`. */
  readonly url: string
  readonly delegates?: readonly string[]
  readonly seconds?: number
  /** For messages. */
  readonly what: string
}

const answerSchema = z.object({ accessToken: z.string().min(1), expireTime: z.iso.datetime({ offset: true }) })

/** Gets a token of the account that the owner of `token` may act as. */
export async function actAs(
  { url, delegates = [], seconds = 3600, what }: Acting,
  token: AccessToken,
  context: TokenContext,
  signal: AbortSignal,
): Promise<AccessToken> {
  const { json } = await requestToken(context, `a token to act as another account for ${what}`, {
    method: 'POST',
    url: new URL(url),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token.value}` },
    body: [Buffer.from(JSON.stringify({ scope: [context.scope], delegates, lifetime: `${seconds}s` }))],
    signal,
  })
  const answer = answerSchema.safeParse(json).data
  if (answer) return { value: answer.accessToken, expiresAtMs: Date.parse(answer.expireTime) }
  throw new StorageError('Permanent', `${new URL(url).origin} answered without a token`)
}
