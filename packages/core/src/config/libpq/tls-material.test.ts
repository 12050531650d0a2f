import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PemFile } from './pem-file.ts'
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
    const file = (name: string, text: string, setting: string): PemFile => ({
      path: join(folder, name),
      text,
      detail: `The file is that of ${setting} (from default).`,
    })
    expect(await read({ sslmode: 'require' })).toEqual({
      rootCertificates: file('root.crt', 'root', 'sslrootcert'),
      certificateChain: file('postgresql.crt', 'cert', 'sslcert'),
      privateKey: file('postgresql.key', 'key', 'sslkey'),
      revocationLists: [file('root.crl', CRL('one'), 'sslcrl')],
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
      expect((await read({ sslcert, sslkey: put('key', 'key', mode) })).privateKey?.text).toBe('key')
    }
  })

  it('read every revocation list of a hashed directory', async () => {
    put('root.crt', 'root')
    put('0a1b2c3d.r0', CRL('one'))
    put('0a1b2c3d.r1', `${CRL('two')}\n${CRL('three')}`)
    put('notes.txt', CRL('not this'))
    const { revocationLists } = await read({ sslcrldir: folder })
    expect(revocationLists.map(({ text }) => text)).toEqual([CRL('one'), CRL('two'), CRL('three')])
  })

  it('do without a revocation list that does not exist', async () => {
    put('root.crt', 'root')
    expect((await read({ sslcrl: join(folder, 'absent') })).revocationLists).toEqual([])
  })

  it('may not be a revocation list without a list', async () => {
    put('root.crt', 'root')
    const sslcrl = put('list', 'rubbish')
    await expect(read({ sslcrl })).rejects.toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: `could not read certificate revocation list "${sslcrl}": no certificate or crl found`,
      detail: 'The file is that of sslcrl (from connection string).',
    })
    put('list', `${CRL('one')}\n${CRL('cut off').slice(0, 30)}`)
    await expect(read({ sslcrl })).rejects.toMatchObject({
      message: `could not read certificate revocation list "${sslcrl}": bad end line`,
    })
    await expect(read({ sslcrldir: folder })).rejects.toMatchObject({
      message: `could not read certificate revocation list directory "${folder}": no certificate or crl found`,
    })
  })

  it.each([
    ['sslrootcert', 'could not read root certificate file'],
    ['sslcert', 'could not read certificate file'],
    ['sslcrl', 'could not read certificate revocation list'],
  ])('say that %s is a directory in the system’s words', async (keyword, message) => {
    put('root.crt', 'root')
    await expect(read({ [keyword]: folder })).rejects.toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: `${message} "${folder}": Is a directory`,
      detail: `The file is that of ${keyword} (from connection string).`,
    })
  })

  it('do not take a directory for a key', async () => {
    const sslcert = put('cert', 'cert')
    await expect(read({ sslcert, sslkey: folder })).rejects.toMatchObject({
      message: `private key file "${folder}" is not a regular file`,
    })
  })
})
