import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RawSettings } from './raw-settings.ts'
import { readTlsMaterial, SYSTEM_ROOTS, type TlsMaterial } from './tls-material.ts'
import { tlsSettings } from './tls-settings.ts'

const CRL = (body: string): string => `-----BEGIN X509 CRL-----\n${body}\n-----END X509 CRL-----`
let home = ''
let folder = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'walr-tls-'))
  folder = join(home, '.postgresql')
  mkdirSync(folder)
})
afterEach(() => rmSync(home, { recursive: true }))

function read(
  given: Partial<
    Record<'sslmode' | 'sslrootcert' | 'sslcert' | 'sslkey' | 'sslcrl' | 'sslcrldir' | 'sslcertmode', string>
  >,
): Promise<TlsMaterial> {
  const settings = new RawSettings()
  for (const keyword of [
    'sslmode',
    'sslrootcert',
    'sslcert',
    'sslkey',
    'sslcrl',
    'sslcrldir',
    'sslcertmode',
  ] as const) {
    const value = given[keyword]
    if (value !== undefined) settings.offer(keyword, value, 'connection string')
  }
  return readTlsMaterial(tlsSettings(settings, { HOME: home }))
}

function put(name: string, content: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

describe('certificate files', () => {
  it('are optional while nothing is verified', async () => {
    expect(await read({ sslmode: 'require' })).toEqual({
      rootCertificates: undefined,
      certificateChain: undefined,
      privateKey: undefined,
      revocationLists: [],
    })
  })

  it('are taken from ~/.postgresql when not named', async () => {
    put('root.crt', 'root')
    put('postgresql.crt', 'cert')
    put('postgresql.key', 'key')
    put('root.crl', CRL('one'))
    expect(await read({ sslmode: 'require' })).toEqual({
      rootCertificates: 'root',
      certificateChain: 'cert',
      privateKey: 'key',
      revocationLists: [CRL('one')],
    })
  })

  it.each(['verify-ca', 'verify-full'])('must have a root for sslmode=%s', async (sslmode) => {
    await expect(read({ sslmode })).rejects.toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: `root certificate file "${join(folder, 'root.crt')}" does not exist`,
    })
    expect((await read({ sslmode: 'verify-full', sslrootcert: 'system' })).rootCertificates).toBe(SYSTEM_ROOTS)
  })

  it('must have a key when there is a certificate, unless it is not to be used', async () => {
    put('postgresql.crt', 'cert')
    const message = `certificate present, but not private key file "${join(folder, 'postgresql.key')}"`
    await expect(read({})).rejects.toMatchObject({ code: 'WALR_TLS_FAILED', message })
    expect((await read({ sslcertmode: 'disable' })).certificateChain).toBeUndefined()
  })

  it('may not have a key that others can use', async () => {
    const sslcert = put('cert', 'cert')
    const isRoot = process.getuid?.() === 0
    for (const mode of [0o644, 0o604, 0o660, 0o610, ...(isRoot ? [] : [0o640])]) {
      const sslkey = put('key', 'key', mode)
      await expect(read({ sslcert, sslkey })).rejects.toMatchObject({
        code: 'WALR_TLS_FAILED',
        message: `private key file "${sslkey}" has group or world access`,
      })
    }
    for (const mode of [0o600, 0o400, ...(isRoot ? [0o640] : [])]) {
      expect((await read({ sslcert, sslkey: put('key', 'key', mode) })).privateKey).toBe('key')
    }
  })

  it('read every revocation list of a hashed directory', async () => {
    put('root.crt', 'root')
    put('0a1b2c3d.r0', CRL('one'))
    put('0a1b2c3d.r1', `${CRL('two')}\n${CRL('three')}`)
    put('notes.txt', CRL('not this'))
    expect((await read({ sslcrldir: folder })).revocationLists).toEqual([CRL('one'), CRL('two'), CRL('three')])
  })

  it('do without a revocation list that does not exist', async () => {
    put('root.crt', 'root')
    expect((await read({ sslcrl: join(folder, 'absent') })).revocationLists).toEqual([])
  })
})
