import { describe, expect, it } from 'vitest'
import { SYSTEM_ERRORS, systemErrorMeaning } from './system-error-meaning.ts'

const coded = (code: string, cause?: unknown): Error => Object.assign(new Error(code, { cause }), { code })
const meaning = (error: unknown) => systemErrorMeaning(error, 'look at the certificate')

describe('an error of the system', () => {
  it.each(Object.keys(SYSTEM_ERRORS))('%s may be better the next time', (code) => {
    expect(meaning(coded(code))?.code).toBe('Transient')
  })

  it('is found behind the errors that wrap it', () => {
    expect(meaning(new Error('a', { cause: new Error('b', { cause: coded('ECONNRESET') }) }))?.code).toBe('Transient')
  })

  it.each(['CERT_HAS_EXPIRED', 'SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO'])(
    '%s is a matter of certificates',
    (code) => {
      expect(meaning(coded(code))).toEqual({ code: 'Permanent', advice: 'look at the certificate' })
    },
  )

  it.each([coded('ENOENT'), coded('toString'), new Error('x'), 'text', undefined])('is not %s', (error) => {
    expect(meaning(error)).toBeUndefined()
  })

  it('is looked for in causes that lead back to themselves, and not for ever', () => {
    const error = new Error('round')
    error.cause = error
    expect(meaning(error)).toBeUndefined()
  })
})
