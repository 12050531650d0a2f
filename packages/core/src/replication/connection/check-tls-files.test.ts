import { describe, expect, it } from 'vitest'
import type { TlsMaterial } from '../../config/libpq/tls-material.ts'
import { checkTlsFiles } from './check-tls-files.ts'
import { CERTIFICATE, ENCRYPTED_KEY, KEY, OTHER_KEY, REVOCATION_LIST } from './tls-files.fixture.ts'

const GARBAGE = 'root:x:0:0:root:/root:/bin/bash\n'
const BROKEN = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const CUT_OFF = CERTIFICATE.slice(0, 200)

interface Texts {
  readonly roots?: string
  readonly chain?: string
  readonly key?: string
  readonly list?: string
}

function check({ roots, chain, key, list }: Texts, passphrase?: string): void {
  const file = (path: string, text: string | undefined): { path: string; text: string; detail: string } | undefined =>
    text === undefined ? undefined : { path, text, detail: `detail of ${path}` }
  const revocationList = file('list.crl', list)
  const material: TlsMaterial = {
    rootCertificates: file('root.crt', roots),
    certificateChain: file('my.crt', chain),
    privateKey: file('my.key', key),
    revocationLists: revocationList ? [revocationList] : [],
  }
  checkTlsFiles(material, passphrase)
}

describe('files for TLS', () => {
  it.each<[Texts, string?]>([
    [{}],
    [{ roots: CERTIFICATE }],
    [{ roots: `# the root\n${CERTIFICATE}${CERTIFICATE}`, list: REVOCATION_LIST }],
    [{ chain: CERTIFICATE, key: KEY }],
    [{ chain: CERTIFICATE + CERTIFICATE, key: KEY }, 'not needed'],
    [{ chain: CERTIFICATE, key: ENCRYPTED_KEY }, 'right'],
  ])('are accepted when they are in order', (texts, passphrase) => {
    expect(() => check(texts, passphrase)).not.toThrow()
  })

  const root = 'could not read root certificate file "root.crt": '
  const chain = 'could not read certificate file "my.crt": '
  const key = 'could not load private key file "my.key": '
  it.each<[Texts, string]>([
    [{ roots: '' }, `${root}no certificate or crl found`],
    [{ roots: GARBAGE }, `${root}no certificate or crl found`],
    [{ roots: KEY }, `${root}no certificate or crl found`],
    [{ roots: REVOCATION_LIST }, `${root}no certificate or crl found`],
    [{ roots: BROKEN }, `${root}header too long`],
    [{ roots: CERTIFICATE + BROKEN }, `${root}header too long`],
    [{ roots: CERTIFICATE + CUT_OFF }, `${root}bad end line`],
    [{ chain: '', key: KEY }, `${chain}no start line`],
    [{ chain: GARBAGE, key: KEY }, `${chain}no start line`],
    [{ chain: KEY, key: KEY }, `${chain}no start line`],
    [{ chain: CERTIFICATE + BROKEN, key: KEY }, `${chain}header too long`],
    [{ chain: CERTIFICATE, key: '' }, `${key}unsupported`],
    [{ chain: CERTIFICATE, key: GARBAGE }, `${key}unsupported`],
    [{ chain: CERTIFICATE, key: OTHER_KEY }, `${key}key values mismatch`],
  ])('are refused with libpq’s words: case %#', (texts, message) => {
    const path = /"(.*)"/.exec(message)?.[1] ?? ''
    expect(() => check(texts)).toThrow(
      expect.objectContaining({ code: 'WALR_TLS_FAILED', message, detail: `detail of ${path}` }),
    )
  })

  it('names the revocation list that is damaged', () => {
    const list = '-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n'
    expect(() => check({ list })).toThrow(
      expect.objectContaining({
        message: 'could not read certificate revocation list "list.crl": Failed to parse CRL',
      }),
    )
  })

  it.each([
    [undefined, 'The key is encrypted. Give its passphrase with sslpassword.'],
    ['wrong', 'The key is encrypted. Is sslpassword right?'],
  ])('with an encrypted key and the passphrase %j point at sslpassword', (passphrase, hint) => {
    expect(() => check({ chain: CERTIFICATE, key: ENCRYPTED_KEY }, passphrase)).toThrow(
      expect.objectContaining({ code: 'WALR_TLS_FAILED', message: `${key}bad decrypt`, hint }),
    )
  })
})
