import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConninfoString } from './conninfo-string.ts'

const parse = (text: string): Record<string, string> => Object.fromEntries(parseConninfoString(text))

describe('a keyword/value string', () => {
  it.each([
    ['', {}],
    ['   ', {}],
    ['host=db', { host: 'db' }],
    ['host = db  port\t=\n5433', { host: 'db', port: '5433' }],
    ["user='a b' dbname='it\\'s'", { user: 'a b', dbname: "it's" }],
    ["password='back\\\\slash'", { password: 'back\\slash' }],
    ['password=a\\ b\\\\', { password: 'a b\\' }],
    ["host='a'port=1", { host: 'a', port: '1' }],
    ["host='' port=1", { host: '', port: '1' }],
    ['host= port=1', { host: 'port=1' }],
    ["user=o'neil", { user: "o'neil" }],
    ['port=1 port=2', { port: '2' }],
    ['host=db\\', { host: 'db' }],
  ])('%j is read as libpq reads it', (text, settings) => {
    expect(parse(text)).toEqual(settings)
  })

  it.each([
    ['host', 'missing "=" after "host" in connection info string'],
    ['host port=1', 'missing "=" after "host" in connection info string'],
    ["host='db", 'unterminated quoted string in connection info string'],
    ['hots=db', 'invalid connection option "hots"'],
    ['HOST=db', 'invalid connection option "HOST"'],
  ])('%j is refused with libpq’s words', (text, message) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'WALR_CONNECTION_SETTING', message }))
  })

  it('does not show what may be the rest of a password with a space in it', () => {
    for (const text of ['password=open sesame', 'password=open sesame=1 host=db', 'sslpassword=open sesame']) {
      expect(messageOf(() => parse(text))).not.toContain('sesame')
    }
  })

  it.each([
    'joe:sesame@db',
    'joe:open sesame@db',
    'postgresq://joe:sesame@db',
    'postgresq://joe:sesame@db?sslmode=require',
    'joe@db:sesame',
  ])('%j is refused without what may be a password', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'WALR_CONNECTION_SETTING' }))
    expect(messageOf(() => parse(text))).not.toContain('sesame')
    expect(messageOf(() => parse(text))).toMatch(/"(joe|postgresq)"/)
  })

  it('gives back whatever was quoted by its rules', () => {
    const values = fc.dictionary(
      fc.constantFrom('host', 'user', 'password', 'options'),
      fc.string({ unit: 'grapheme' }),
    )
    fc.assert(
      fc.property(values, (settings) => {
        const text = Object.entries(settings)
          .map(([keyword, value]) => `${keyword}='${value.replace(/['\\]/g, '\\$&')}'`)
          .join(' ')
        expect(parse(text)).toEqual({ ...settings })
      }),
    )
  })
})

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return String(error)
  }
  throw new Error('nothing was thrown')
}
