import { describe, expect, it } from 'vitest'
import { isLocalAddress, parseListenAddress } from './listen-address.ts'

describe('an address to listen on', () => {
  it.each([
    ['127.0.0.1:7070', { kind: 'tcp', host: '127.0.0.1', port: 7070 }, true],
    ['127.3.2.1:1', { kind: 'tcp', host: '127.3.2.1', port: 1 }, true],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }, true],
    ['[::1]:65535', { kind: 'tcp', host: '::1', port: 65_535 }, true],
    ['[::ffff:127.0.0.1]:1', { kind: 'tcp', host: '::ffff:127.0.0.1', port: 1 }, true],
    ['unix:/run/walr.sock', { kind: 'unix', path: '/run/walr.sock' }, true],
    ['0.0.0.0:7070', { kind: 'tcp', host: '0.0.0.0', port: 7070 }, false],
    ['[::]:7070', { kind: 'tcp', host: '::', port: 7070 }, false],
    ['10.0.0.1:7070', { kind: 'tcp', host: '10.0.0.1', port: 7070 }, false],
    ['localhost.example.com:1', { kind: 'tcp', host: 'localhost.example.com', port: 1 }, false],
    ['127.example.com:1', { kind: 'tcp', host: '127.example.com', port: 1 }, false],
    ['[fe80::1%eth0]:1', { kind: 'tcp', host: 'fe80::1%eth0', port: 1 }, false],
  ])('is read, and known to be for this machine or for others: %s', (text, address, isLocal) => {
    const parsed = parseListenAddress(text)
    expect(parsed).toEqual(address)
    expect(parsed && isLocalAddress(parsed)).toBe(isLocal)
  })

  it.each([
    ...['', ':7070', '7070', 'localhost', 'localhost:', 'localhost:x', 'localhost:70700', '::1:7070', '[::1]', 'a b:1'],
    ...['unix:', 'unix:run/walr.sock', 'http://localhost:1', 'localhost:1/', `unix:/${'x'.repeat(120)}`, 'a:1\n'],
  ])('is none: %j', (text) => {
    expect(parseListenAddress(text)).toBeUndefined()
  })
})
