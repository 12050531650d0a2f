import { isStorageError, StorageError, type StorageErrorCode } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { DISCONNECT_ERRORS, LEVEL_ERRORS, sftpStorageError, STATUS_ERRORS } from './error-map.ts'
import { SftpStatusError, UnsupportedRequestError } from './sftp-errors.ts'

const status = (number: number): Error => new SftpStatusError('open "x"', number, 'said so')
const level = (name: string, message = 'said so'): Error => Object.assign(new Error(message), { level: name })
const disconnect = (reason: number): Error => Object.assign(new Error('said so'), { code: reason })
const system = (code: string): Error => Object.assign(new Error(code), { code, level: 'client-socket' })

const rows: readonly (readonly [string, Error, StorageErrorCode])[] = [
  ...([1, 2, 4, 5, 8, 9, 31] as const).map((n) => [`status ${n}`, status(n), 'Permanent'] as const),
  ['status 3', status(3), 'AccessDenied'],
  ...([6, 7] as const).map((n) => [`status ${n}`, status(n), 'Transient'] as const),
  ['an extension that is missing', new UnsupportedRequestError('x@openssh.com'), 'Permanent'],
  ['a refused login', level('client-authentication'), 'AccessDenied'],
  ['too many tries', disconnectWith('Too many authentication failures', 2), 'AccessDenied'],
  ...['client-timeout', 'client-socket', 'client-dns', 'protocol', 'sftp-protocol', 'handshake'].map(
    (name) => [name, level(name), 'Transient'] as const,
  ),
  ['no common algorithm', level('handshake', 'Handshake failed: no matching key exchange algorithm'), 'Permanent'],
  ...[1, 13, 14, 15].map((n) => [`reason ${n}`, disconnect(n), 'AccessDenied'] as const),
  ...[2, 3, 5, 6, 7, 10, 11, 12].map((n) => [`reason ${n}`, disconnect(n), 'Transient'] as const),
  ...[4, 8, 9, 99].map((n) => [`reason ${n}`, disconnect(n), 'Permanent'] as const),
  ...['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EPIPE', 'EHOSTUNREACH'].map(
    (name) => [name, system(name), 'Transient'] as const,
  ),
  ['anything else', new Error('what is this'), 'Permanent'],
  ['a fault in the plugin', new TypeError('x is not a function'), 'Permanent'],
]

function disconnectWith(message: string, reason: number): Error {
  return Object.assign(new Error(message), { code: reason })
}

describe('an error', () => {
  it.each(rows)('of %s is what it ought to be', (_what, error, code) => {
    const mapped = sftpStorageError(error, 'could not read "x"')
    expect(mapped.code).toBe(code)
    expect(mapped.message.startsWith(`could not read "x": ${error.message}`)).toBe(true)
    expect(mapped.cause).toBe(error)
  })

  it('has a row here for each row of the tables', () => {
    const names = rows.map(([name]) => name)
    for (const number of Object.keys(STATUS_ERRORS)) expect(names).toContain(`status ${number}`)
    for (const number of Object.keys(DISCONNECT_ERRORS)) expect(names).toContain(`reason ${number}`)
    const levels = Object.keys(LEVEL_ERRORS).filter((name) => name !== 'client-authentication')
    for (const name of levels) expect(names).toContain(name)
  })

  it('is never NotFound by its status alone', () => {
    expect([...Array.from({ length: 40 }, (_, n) => sftpStorageError(status(n), '').code)]).not.toContain('NotFound')
  })

  it('stays as it is when it is a storage error already', () => {
    const error = new StorageError('NotFound', 'there')
    expect(sftpStorageError(error, 'x')).toBe(error)
    expect(isStorageError(sftpStorageError('text', 'x'), 'Permanent')).toBe(true)
  })
})
