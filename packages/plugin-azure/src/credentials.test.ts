import { describe, expect, it } from 'vitest'
import { tokenError } from './credentials.ts'

function named(name: string, more: Readonly<Record<string, unknown>> = {}): Error {
  return Object.assign(new Error(`${name} says why`), { name }, more)
}

const unavailable = (cause: unknown): Error =>
  Object.assign(new Error('unavailable', { cause }), { name: 'CredentialUnavailableError' })

describe('an error of the credentials', () => {
  it.each([
    named('CredentialUnavailableError'),
    named('AuthenticationError', { statusCode: 401 }),
    named('AuthenticationRequiredError'),
    // a chain has tried everything; that a way which is not used leads nowhere is no outage
    named('AggregateAuthenticationError', { errors: [unavailable(named('Error', { code: 'ENETUNREACH' }))] }),
    unavailable(named('ManagedIdentityError', { errorCode: 'invalid_request' })),
  ])('that says that there is no identity is AccessDenied, with what to do (%o)', (error) => {
    const mapped = tokenError(error, { credential: 'default' })
    expect(mapped).toMatchObject({ code: 'AccessDenied', cause: error })
    expect(mapped.message).toContain('accountKey')
    expect(tokenError(error, { credential: 'managed-identity' }).message).toContain('clientId')
  })

  it.each([
    named('AuthenticationError', { statusCode: 503 }),
    named('AuthenticationError', { statusCode: 429 }),
    named('RestError', { code: 'ECONNRESET' }),
    named('Error', { code: 'ETIMEDOUT' }),
    unavailable(named('ClientAuthError', { errorCode: 'network_error' })),
    unavailable(named('RestError', { code: 'EHOSTUNREACH' })),
  ])('of the way to the identity is Transient (%o)', (error) => {
    expect(tokenError(error, { credential: 'managed-identity' })).toMatchObject({ code: 'Transient', cause: error })
  })

  it('that is unknown is Permanent', () => {
    expect(tokenError(new TypeError('a fault'), { credential: 'default' }).code).toBe('Permanent')
  })
})
