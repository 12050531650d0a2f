import type { AuthenticationMethod, ConnectionSettings } from '../../config/libpq/connection-settings.ts'
import { WalrError } from '../../errors/walr-error.ts'

/** What the server asks for (manual, "Message Formats", AuthenticationXXX). */
export const AUTHENTICATION_REQUEST = {
  ok: 0,
  cleartextPassword: 3,
  md5Password: 5,
  gss: 7,
  gssContinue: 8,
  sspi: 9,
  sasl: 10,
  saslContinue: 11,
  saslFinal: 12,
} as const

/** What the client demands of the way in which it is authenticated. */
export type AuthenticationDemands = Pick<ConnectionSettings, 'channelBinding' | 'requireAuth'>

const METHODS: Readonly<Record<number, readonly [method: AuthenticationMethod, requested: string]>> = {
  [AUTHENTICATION_REQUEST.cleartextPassword]: ['password', 'server requested a cleartext password'],
  [AUTHENTICATION_REQUEST.md5Password]: ['md5', 'server requested a hashed password'],
  [AUTHENTICATION_REQUEST.gss]: ['gss', 'server requested GSSAPI authentication'],
  [AUTHENTICATION_REQUEST.sspi]: ['sspi', 'server requested SSPI authentication'],
  [AUTHENTICATION_REQUEST.sasl]: ['scram-sha-256', 'server requested SASL authentication'],
}

/**
 * Checks a request against `require_auth` and `channel_binding` before anything secret is sent.
 * @throws WalrError WALR_AUTHENTICATION_FAILED when it is not allowed, or is one that walr does not speak.
 */
export function checkRequest(request: number, demands: AuthenticationDemands): void {
  const known = METHODS[request]
  if (!known) throw refused(`authentication method ${request} not supported`)
  const [method, requested] = known
  if (demands.requireAuth && !demands.requireAuth.has(method)) throw requirementFailed(demands.requireAuth, requested)
  if (demands.channelBinding === 'require' && method !== 'scram-sha-256') {
    throw refused("channel binding required but not supported by server's authentication request")
  }
  if (method === 'gss' || method === 'sspi') {
    throw refused(`${method === 'gss' ? 'GSSAPI' : 'SSPI'} authentication not supported`, {
      hint: 'Add a pg_hba.conf line with scram-sha-256, md5, cert or peer for this user and database "replication".',
    })
  }
}

/**
 * Checks AuthenticationOk: `completed` is the method whose exchange has been gone through, and `bound` whether it was with
 * channel binding.
 * @throws WalrError WALR_AUTHENTICATION_FAILED when more was demanded.
 */
export function checkCompleted(
  completed: AuthenticationMethod | undefined,
  bound: boolean,
  demands: AuthenticationDemands,
): void {
  if (demands.channelBinding === 'require' && !bound) {
    throw refused('channel binding required, but server authenticated client without channel binding')
  }
  if (completed === undefined && demands.requireAuth && !demands.requireAuth.has('none')) {
    throw requirementFailed(demands.requireAuth, 'server did not complete authentication')
  }
}

function requirementFailed(allowed: ReadonlySet<AuthenticationMethod>, what: string): WalrError {
  return refused(`authentication method requirement "${[...allowed].join(',')}" failed: ${what}`)
}

function refused(message: string, options: { readonly hint?: string } = {}): WalrError {
  return new WalrError('WALR_AUTHENTICATION_FAILED', message, options)
}
