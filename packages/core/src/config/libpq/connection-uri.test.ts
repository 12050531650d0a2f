import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConnectionUri } from './connection-uri.ts'

const parse = (text: string): Record<string, string> => Object.fromEntries(parseConnectionUri(text))

describe('a connection URI', () => {
  it.each([
    ['postgresql://', {}],
    ['postgres:///', {}],
    ['postgresql://db', { host: 'db' }],
    ['postgresql://db:5433/app', { host: 'db', port: '5433', dbname: 'app' }],
    ['postgresql://joe@db/', { user: 'joe', host: 'db' }],
    ['postgresql://joe:s3cret@db', { user: 'joe', password: 's3cret', host: 'db' }],
    ['postgresql://joe:@db', { user: 'joe', host: 'db' }],
    ['postgresql://:s3cret@db', { password: 's3cret', host: 'db' }],
    ['postgresql://joe:a:b?c@db', { user: 'joe', password: 'a:b?c', host: 'db' }],
    ['postgresql://joe%40corp:p%40ss%2Fw%3Ard%25@db', { user: 'joe@corp', password: 'p@ss/w:rd%', host: 'db' }],
    ['postgresql://@db', { host: 'db' }],
    ['postgresql://:5433', { port: '5433' }],
    ['postgresql://a:1,b:2,c/app', { host: 'a,b,c', port: '1,2,', dbname: 'app' }],
    ['postgresql://a,b', { host: 'a,b', port: ',' }],
    ['postgresql://[::1]:5433/app', { host: '::1', port: '5433', dbname: 'app' }],
    ['postgresql://[::1],[fe80::1%25eth0]:1', { host: '::1,fe80::1%eth0', port: ',1' }],
    ['postgresql://%2Fvar%2Frun/app', { host: '/var/run', dbname: 'app' }],
    ['postgresql:///app?host=/var/run&port=5433', { dbname: 'app', host: '/var/run', port: '5433' }],
    ['postgresql://db?', { host: 'db' }],
    ['postgresql://db?ssl=true', { host: 'db', sslmode: 'require' }],
    [
      'postgresql://db?sslmode=verify%2Dfull&application_name=a%20b',
      { host: 'db', sslmode: 'verify-full', application_name: 'a b' },
    ],
    ['postgresql://db?u%73er=joe', { host: 'db', user: 'joe' }],
    ['postgresql://db?options=', { host: 'db', options: '' }],
    ['postgresql://m%C3%BCller@db', { user: 'müller', host: 'db' }],
    ['postgresql://müller@db', { user: 'müller', host: 'db' }],
  ])('%j is read as libpq reads it', (text, settings) => {
    expect(parse(text)).toEqual(settings)
  })

  it.each([
    ['postgresql://db?foo=1', 'invalid URI query parameter: "foo"'],
    ['postgresql://db?ssl=false', 'invalid URI query parameter: "ssl"'],
    ['postgresql://db?port', 'missing key/value separator "=" in URI query parameter: "port"'],
    ['postgresql://db?port=1=2', 'extra key/value separator "=" in URI query parameter: "port"'],
    ['postgresql://[::1', 'end of string reached when looking for matching "]" in IPv6 host address in URI'],
    ['postgresql://[]', 'IPv6 host address may not be empty in URI'],
    ['postgresql://[::1]z', 'unexpected character "z" at position 19 in URI (expected ":" or "/")'],
    ['postgresql://d%zz', 'invalid percent-encoded token: "d%zz"'],
    ['postgresql://d%4', 'invalid percent-encoded token: "d%4"'],
    ['postgresql://d%00b', 'forbidden value %00 in percent-encoded value: "d%00b"'],
  ])('%j is refused with libpq’s words', (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'WALR_CONNECTION_SETTING', message }))
  })

  it.each([
    'postgresql://joe:sesame%@db',
    'postgresql://joe:x@sesame@db',
    'postgresql://joe:open/sesame@db',
    'postgresql://joe:sesame/x@db',
    'postgresql://db?password=sesame%zz',
  ])('%j does not put the password into a message', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'WALR_CONNECTION_SETTING' }))
    expect(messageOf(() => parse(text))).not.toContain('sesame')
  })

  it('gives back whatever was encoded', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((value) => !value.includes('\0'))
    fc.assert(
      fc.property(text, text, text, (user, password, dbname) => {
        const uri = `postgresql://${encode(user)}:${encode(password)}@db/${encode(dbname)}`
        expect(parse(uri)).toEqual({ user, password, host: 'db', dbname })
      }),
    )
  })
})

function encode(text: string): string {
  return Buffer.from(text).reduce((encoded, byte) => `${encoded}%${byte.toString(16).padStart(2, '0')}`, '')
}

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return String(error)
  }
  throw new Error('nothing was thrown')
}
