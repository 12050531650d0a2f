import { StorageError } from '@walr/core/plugin'
import { z } from 'zod'
import type { AccessToken } from './access-token.ts'

const answerSchema = z.object({ access_token: z.string().min(1), expires_in: z.number().default(3600) })

/** The token in an answer of OAuth 2. @throws StorageError Permanent when there is none. */
export function bearerToken(json: unknown, now: Date, quotaProject?: string): AccessToken {
  const answer = answerSchema.safeParse(json)
  if (!answer.success) throw new StorageError('Permanent', 'what gives tokens answered without an access token')
  const { access_token: value, expires_in: seconds } = answer.data
  return { value, expiresAtMs: now.getTime() + seconds * 1000, quotaProject }
}
