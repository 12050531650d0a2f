import { describe, expect, it } from 'vitest'
import { checkServer, parseServerVersion } from './server-identity.ts'

describe('the version of a server', () => {
  it.each([
    ['13.0', 130_000],
    ['15.18 (Debian 15.18-0+deb12u1)', 150_018],
    ['18devel', 180_000],
    ['18beta1', 180_000],
    ['9.6.24', 90_624],
    ['9.6', 90_600],
    ['devel', undefined],
    ['', undefined],
  ])('"%s" is %s', (text, number) => {
    expect(parseServerVersion(text)).toBe(number)
  })
})

describe('a server', () => {
  const check = (parameters: Record<string, string>): unknown => checkServer(new Map(Object.entries(parameters)))

  it('is taken from 13 on', () => {
    expect(check({ server_version: '13.1', integer_datetimes: 'on' })).toEqual({
      serverVersion: '13.1',
      serverVersionNumber: 130_001,
    })
  })

  it.each([
    [{ server_version: '12.9', integer_datetimes: 'on' }],
    [{ integer_datetimes: 'on' }],
    [{ server_version: '15.1', integer_datetimes: 'off' }],
    [{ server_version: '15.1' }],
  ])('is refused with %j', (parameters) => {
    expect(() => check(parameters)).toThrow(expect.objectContaining({ code: 'WALR_UNSUPPORTED_SERVER' }))
  })
})
