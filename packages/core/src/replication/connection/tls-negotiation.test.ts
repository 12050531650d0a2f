import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RawSettings } from '../../config/libpq/raw-settings.ts'
import { tlsSettings } from '../../config/libpq/tls-settings.ts'
import { ByteTransport } from './byte-transport.ts'
import { CERTIFICATE, KEY, OTHER_KEY } from './tls-files.fixture.ts'
import { negotiateTls, tlsErrorText } from './tls-negotiation.ts'

type Given = Partial<Record<'sslmode' | 'sslrootcert' | 'sslcert' | 'sslkey', string>>

let folder = ''
let server: tls.Server
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'walr-negotiation-'))
  server = tls.createServer({ cert: CERTIFICATE, key: KEY, ALPNProtocols: ['postgresql'] })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => {
  server.close()
  rmSync(folder, { recursive: true })
})

function put(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

async function negotiate(given: Given): Promise<'secured'> {
  const settings = new RawSettings()
  settings.offer('sslnegotiation', 'direct', 'test')
  for (const keyword of ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'] as const) {
    const value = given[keyword]
    if (value !== undefined) settings.offer(keyword, value, 'connection string')
  }
  const { port } = server.address() as AddressInfo
  const transport = await ByteTransport.connect(
    { address: '127.0.0.1', port },
    { enabled: false, idleMs: undefined },
    new AbortController().signal,
  )
  try {
    await negotiateTls(transport, tlsSettings(settings, { HOME: folder }), 'localhost')
    return 'secured'
  } finally {
    transport.destroy(new Error('the test is over'))
  }
}

describe('TLS over a connection', () => {
  it.each(['require', 'verify-ca', 'verify-full'])(
    'never trusts the roots of Node when the file of roots holds none: sslmode=%s',
    async (sslmode) => {
      const sslrootcert = put('empty', '')
      await expect(negotiate({ sslmode, sslrootcert })).rejects.toMatchObject({
        code: 'WALR_TLS_FAILED',
        message: `could not read root certificate file "${sslrootcert}": no certificate or crl found`,
        detail: 'The file is that of sslrootcert (from connection string).',
      })
      expect(await negotiate({ sslmode: 'verify-ca', sslrootcert: put('root', CERTIFICATE) })).toBe('secured')
    },
  )

  it('names the key that is not that of the certificate', async () => {
    const sslcert = put('my.crt', CERTIFICATE)
    const sslkey = put('my.key', OTHER_KEY)
    await expect(negotiate({ sslmode: 'require', sslcert, sslkey })).rejects.toMatchObject({
      code: 'WALR_TLS_FAILED',
      message: `could not load private key file "${sslkey}": key values mismatch`,
    })
    expect(await negotiate({ sslmode: 'require', sslcert, sslkey: put('my.key', KEY) })).toBe('secured')
  })
})

describe('what is said about a failed handshake', () => {
  const advice = '; if the root CA is installed locally, try running Node.js with --use-system-ca'

  it('has no advice about Node, not even in the cause', async () => {
    const failure: unknown = await negotiate({ sslmode: 'verify-full', sslrootcert: 'system' }).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({
      message: 'SSL error: certificate verify failed: self-signed certificate',
      cause: { message: 'self-signed certificate' },
    })
  })

  it('keeps what stands before the advice, and other semicolons', () => {
    const code = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
    expect(tlsErrorText(Object.assign(new Error(`one; two${advice}`), { code }))).toBe(
      'SSL error: certificate verify failed: one; two',
    )
  })
})
