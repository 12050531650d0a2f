import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { findKnownKeys, knownHostName } from './known-hosts.ts'

const KEY = Buffer.from('a key').toString('base64')
const isKnown = (hosts: string, name: string): boolean => findKnownKeys(`${hosts} ssh-ed25519 ${KEY}`, name).length > 0

describe('a line of known_hosts', () => {
  it('has a type, a key and a place', () => {
    const keys = findKnownKeys(`# first\n\nhost ssh-rsa ${KEY} comment here\n`, 'host')
    expect(keys).toEqual([{ kind: 'host', type: 'ssh-rsa', blob: Buffer.from('a key'), line: 3 }])
  })

  it.each<[string, string, boolean]>([
    ['host', 'host', true],
    ['HOST', 'host', true],
    ['host', 'host2', false],
    ['other,host', 'host', true],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'example.com', false],
    ['host?', 'host1', true],
    ['host?', 'host', false],
    ['a.b', 'axb', false],
    ['*,!host', 'host', false],
    ['!host,*', 'host', false],
    ['!other', 'host', false],
    ['[host]:2222', '[host]:2222', true],
    ['[host]:2222', 'host', false],
    ['host', '[host]:2222', false],
    ['[*]:2222', '[host]:2222', true],
    ['[::1]:2222', '[::1]:2222', true],
  ])('for %s, %s: %s', (hosts, name, expected) => {
    expect(isKnown(hosts, name)).toBe(expected)
  })

  it('is found by the hash of the name', () => {
    const salt = Buffer.from('0123456789abcdefghij')
    const hash = createHmac('sha1', salt).update('[host]:2222').digest('base64')
    const hosts = `|1|${salt.toString('base64')}|${hash}`
    expect(isKnown(hosts, '[host]:2222')).toBe(true)
    expect(isKnown(hosts, 'host')).toBe(false)
    expect(isKnown('|2|x|y', 'host')).toBe(false)
    expect(isKnown('|1|', 'host')).toBe(false)
  })

  it('may revoke a key or name an authority', () => {
    const content = `@revoked * ssh-rsa ${KEY}\n@cert-authority *.x ssh-rsa ${KEY}\n@else * ssh-rsa ${KEY}`
    expect(findKnownKeys(content, 'a.x').map(({ kind }) => kind)).toEqual(['revoked', 'cert-authority'])
  })

  it.each(['', 'host', 'host ssh-rsa', '#host ssh-rsa AAAA', '@revoked'])('%j has nothing', (line) => {
    expect(findKnownKeys(line, 'host')).toEqual([])
  })
})

describe('the name of a server', () => {
  it('has a port when that is not 22, and small letters', () => {
    expect(knownHostName('Host', 22)).toBe('host')
    expect(knownHostName('Host', 2222)).toBe('[host]:2222')
    expect(knownHostName('::1', 2222)).toBe('[::1]:2222')
  })
})
