import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redact } from './redact.ts'

describe('redaction', () => {
  it.each([
    ['postgres://walr:geheim@db/x', 'postgres://walr:********@db/x'],
    ['postgresql://walr:ge@heim@db:5432/x?a=b', 'postgresql://walr:********@db:5432/x?a=b'],
    ['postgres://:geheim@db', 'postgres://:********@db'],
    ['s3://key:geheim/with/slash@host', 's3://key:********@host'],
    ['postgres://db/x?user=walr&password=geheim', 'postgres://db/x?user=walr&password=********'],
    ['host=db password=geheim user=walr', 'host=db password=******** user=walr'],
    ['host=db password = geheim user=walr', 'host=db password = ******** user=walr'],
    ['git+https://walr:geheim@host/x.git', 'git+https://walr:********@host/x.git'],
    ['http://walr:12345@host:80/@walr%2fplugin', 'http://walr:********@walr%2fplugin'],
    ['postgres://walr:12/34@host', 'postgres://walr:********@host'],
    ["password='ge heim' user=walr", 'password=******** user=walr'],
    ["password='ge\\' heim' user=walr", 'password=******** user=walr'],
    ["password='geheim without an end", 'password=********'],
    ['password=ge\\ heim user=walr', 'password=******** user=walr'],
    ['sslpassword=geheim sslmode=require', 'sslpassword=******** sslmode=require'],
    ['PGPASSWORD=geheim walr', 'PGPASSWORD=******** walr'],
    ['invalid connection string "host=db password=geheim"', 'invalid connection string "host=db password=********"'],
    ['{"password":"ge\\"heim","user":"walr"}', '{"password":********,"user":"walr"}'],
    ["{ password: 'geheim', user: 'walr' }", "{ password: ********, user: 'walr' }"],
  ])('turns %s into %s', (text, expected) => {
    expect(redact(text)).toBe(expected)
  })

  it.each([
    'password authentication failed for user "walr"',
    'Password: ',
    'could not open password file "/home/walr/.pgpass"',
    'connected to postgres://walr@db:5432/replication',
    'host=db user=walr passfile=/home/walr/.pgpass',
    'user a@b at 10:15',
    'GET http://127.0.0.1:4873/@walr%2fplugin',
    'https://[::1]:4873/@walr%2fplugin',
    'https://registry.example.com/@walr%2fplugin',
  ])('leaves %s as it is', (text) => {
    expect(redact(text)).toBe(text)
  })

  it('hides a quoted password whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), (inner) => {
        const secret = `geheim${inner}geheim`
        const quoted = secret.replace(/[\\']/g, '\\$&')
        expect(redact(`host=db password='${quoted}' user=walr`)).toBe('host=db password=******** user=walr')
      }),
    )
  })
})
