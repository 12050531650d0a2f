import { describe, expect, it } from 'vitest'
import { RawSettings } from './raw-settings.ts'
import { requiredAuthentication } from './required-authentication.ts'

function required(value: string): string[] | undefined {
  const settings = new RawSettings()
  settings.offer('require_auth', value, 'connection string')
  const methods = requiredAuthentication(settings)
  return methods && [...methods].sort()
}

describe('require_auth', () => {
  it.each([
    ['', undefined],
    ['scram-sha-256', ['scram-sha-256']],
    ['md5,scram-sha-256', ['md5', 'scram-sha-256']],
    ['none', ['none']],
    ['oauth', []],
    ['!password', ['gss', 'md5', 'none', 'scram-sha-256', 'sspi']],
    ['!password,!md5,!none', ['gss', 'scram-sha-256', 'sspi']],
  ])('%j allows %j', (value, methods) => {
    expect(required(value)).toEqual(methods)
  })

  it.each([
    ['md5,!password', 'negative require_auth method "!password" cannot be mixed with non-negative methods'],
    ['!md5,password', 'require_auth method "password" cannot be mixed with negative methods'],
    ['md5,md5', 'require_auth method "md5" is specified more than once'],
    ['peer', 'invalid require_auth value: "peer"'],
    ['md5,', 'invalid require_auth value: ""'],
    ['MD5', 'invalid require_auth value: "MD5"'],
  ])('%j is refused', (value, message) => {
    expect(() => required(value)).toThrow(
      expect.objectContaining({ code: 'WALR_CONNECTION_SETTING', message: `${message} (from connection string)` }),
    )
  })
})
