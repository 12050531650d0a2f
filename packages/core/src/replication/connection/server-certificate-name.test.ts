import { describe, expect, it } from 'vitest'
import { certificateMatchesHost, mismatchMessage, parseSubjectAltName } from './server-certificate-name.ts'

function matches(subjectAltName: string, commonName: string | undefined, host: string): boolean {
  return certificateMatchesHost({ ...parseSubjectAltName(subjectAltName), commonName }, host)
}

describe('a server certificate', () => {
  it.each([
    ['DNS:db.test', undefined, 'db.test'],
    ['DNS:a.test, DNS:db.test', undefined, 'DB.Test'],
    ['', 'db.test', 'db.test'],
    ['IP Address:10.0.0.1', 'db.test', 'db.test'],
    ['DNS:*.test', undefined, 'db.test'],
    ['', '*.db.test', 'a.db.test'],
    ['IP Address:10.0.0.1', undefined, '10.0.0.1'],
    ['IP Address:FE80:0:0:0:0:0:0:1', undefined, 'fe80::1'],
    ['DNS:10.0.0.1', undefined, '10.0.0.1'],
    ['', '10.0.0.1', '10.0.0.1'],
    ['DNS:db.test', '10.0.0.1', '10.0.0.1'],
    ['email:a@b, URI:http://x, DNS:db.test', undefined, 'db.test'],
  ])('with names "%s" and common name %s is for %s', (names, commonName, host) => {
    expect(matches(names, commonName, host)).toBe(true)
  })

  it.each([
    ['DNS:other.test', 'db.test', 'db.test'],
    ['DNS:*.test', undefined, 'test'],
    ['DNS:*.test', undefined, '.test'],
    ['DNS:*.test', undefined, 'a.b.test'],
    ['DNS:*', undefined, 'db'],
    ['DNS:*.', undefined, 'db.'],
    ['DNS:d*.test', undefined, 'db.test'],
    ['DNS:db.*', undefined, 'db.test'],
    ['DNS:*.0.0.1', undefined, '10.0.0.2'],
    ['IP Address:10.0.0.1', '10.0.0.2', '10.0.0.2'],
    ['IP Address:10.0.0.1', undefined, '10.0.0.10'],
    ['', undefined, 'db.test'],
    ['DNS:"db.test\\u0000.evil.test"', undefined, 'db.test'],
    ['DNS:"a, DNS:db.test"', undefined, 'db.test'],
    ['URI:http://x/db.test', undefined, 'db.test'],
  ])('with names "%s" and common name %s is not for %s', (names, commonName, host) => {
    expect(matches(names, commonName, host)).toBe(false)
  })

  it.each([
    ['DNS:a', undefined, 'server certificate for "a" does not match host name "h"'],
    ['DNS:a, DNS:b', undefined, 'server certificate for "a" (and 1 other name) does not match host name "h"'],
    [
      'DNS:a, DNS:b, IP Address:::1',
      'c',
      'server certificate for "a" (and 2 other names) does not match host name "h"',
    ],
    ['', 'c', 'server certificate for "c" does not match host name "h"'],
    ['', undefined, "could not get server's host name from server certificate"],
  ])('with names "%s" and common name %s is described: %s', (names, commonName, message) => {
    expect(mismatchMessage({ ...parseSubjectAltName(names), commonName }, 'h')).toBe(message)
  })
})
