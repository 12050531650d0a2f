import { describe, expect, it } from 'vitest'
import type { AuthenticationMethod, ConnectionSettings } from '../../config/libpq/connection-settings.ts'
import { md5Password } from './authentication.ts'
import { AUTHENTICATION_REQUEST, checkCompleted, checkRequest } from './authentication-policy.ts'

const demands = (
  requireAuth?: readonly AuthenticationMethod[],
  channelBinding: ConnectionSettings['channelBinding'] = 'prefer',
): Pick<ConnectionSettings, 'requireAuth' | 'channelBinding'> => ({
  requireAuth: requireAuth && new Set(requireAuth),
  channelBinding,
})

describe('an md5 answer', () => {
  it('is the hash that PostgreSQL stores, hashed again with the salt', () => {
    // made with another implementation of MD5, after the manual's formula
    expect(md5Password('joe', 'sesame', Buffer.from([1, 2, 3, 4]))).toBe('md5a4b8628eb20048c0836eda9b693dd793')
  })
})

describe('a request for authentication', () => {
  const { cleartextPassword, md5Password: md5, sasl } = AUTHENTICATION_REQUEST

  it('is allowed when nothing is demanded', () => {
    for (const request of [cleartextPassword, md5, sasl]) expect(() => checkRequest(request, demands())).not.toThrow()
  })

  it('has to be of an allowed method', () => {
    expect(() => checkRequest(md5, demands(['md5', 'scram-sha-256']))).not.toThrow()
    expect(() => checkRequest(cleartextPassword, demands(['md5', 'scram-sha-256']))).toThrow(
      'authentication method requirement "md5,scram-sha-256" failed: server requested a cleartext password',
    )
    expect(() => checkRequest(sasl, demands([]))).toThrow(/server requested SASL authentication/)
  })

  it('has to be SCRAM when channel binding is required', () => {
    expect(() => checkRequest(sasl, demands(undefined, 'require'))).not.toThrow()
    expect(() => checkRequest(md5, demands(undefined, 'require'))).toThrow(
      /^channel binding required but not supported/,
    )
  })
})

describe('an authentication that is complete', () => {
  it('has to have been one, unless none is allowed', () => {
    expect(() => checkCompleted(undefined, false, demands())).not.toThrow()
    expect(() => checkCompleted(undefined, false, demands(['none']))).not.toThrow()
    expect(() => checkCompleted('md5', false, demands(['md5']))).not.toThrow()
    expect(() => checkCompleted(undefined, false, demands(['md5']))).toThrow(/server did not complete authentication/)
  })

  it('has to be bound to the channel when that is required', () => {
    expect(() => checkCompleted('scram-sha-256', true, demands(undefined, 'require'))).not.toThrow()
    expect(() => checkCompleted('scram-sha-256', false, demands(undefined, 'require'))).toThrow(
      /without channel binding/,
    )
    expect(() => checkCompleted(undefined, false, demands(undefined, 'require'))).toThrow(/without channel binding/)
  })
})
