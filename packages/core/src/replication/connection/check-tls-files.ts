import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import tls from 'node:tls'
import type { PemFile } from '../../config/libpq/pem-file.ts'
import { SYSTEM_ROOTS, type TlsMaterial } from '../../config/libpq/tls-material.ts'
import { WalrError } from '../../errors/walr-error.ts'

const CERTIFICATE =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^]*?(?:-----END \1-----|(?=-----BEGIN )|$(?![^]))/g
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

/**
 * Finds out which file is at fault before it is used. Node would take roots that hold no certificate for none given, and
 * trust its own; of the rest it says what is wrong, but not in which file.
 *
 * @throws WalrError WALR_TLS_FAILED with libpq's words.
 */
export function checkTlsFiles(material: TlsMaterial, passphrase: string | undefined): void {
  const { rootCertificates, certificateChain, privateKey, revocationLists } = material
  if (rootCertificates !== undefined && rootCertificates !== SYSTEM_ROOTS) checkRoots(rootCertificates)
  for (const list of revocationLists) checkRevocationList(list)
  if (!certificateChain) return
  checkChain(certificateChain)
  if (privateKey) checkKey(privateKey, certificateChain, passphrase)
}

function checkRoots(file: PemFile): void {
  const wrong = (reason: string, cause?: unknown): WalrError =>
    wrongFile(`could not read root certificate file "${file.path}": ${reason}`, file, cause)
  const certificates = file.text.match(CERTIFICATE)
  if (!certificates) throw wrong('no certificate or crl found')
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate)
    } catch (cause) {
      throw wrong(opensslReason(cause), cause)
    }
  }
}

function checkRevocationList(file: PemFile): void {
  try {
    tls.createSecureContext({ crl: file.text })
  } catch (cause) {
    const reason = opensslReason(cause)
    throw wrongFile(`could not read certificate revocation list "${file.path}": ${reason}`, file, cause)
  }
}

function checkChain(file: PemFile): void {
  const wrong = (reason: string, cause?: unknown): WalrError =>
    wrongFile(`could not read certificate file "${file.path}": ${reason}`, file, cause)
  if (file.text === '') throw wrong('no start line') // Node takes it for none given
  try {
    tls.createSecureContext({ cert: file.text })
  } catch (cause) {
    throw wrong(opensslReason(cause), cause)
  }
}

function checkKey(file: PemFile, chain: PemFile, passphrase: string | undefined): void {
  if (new X509Certificate(chain.text).checkPrivateKey(loadKey(file, passphrase))) return
  throw wrongFile(
    `could not load private key file "${file.path}": key values mismatch`,
    file,
    undefined,
    `The key has to be the one that the certificate in "${chain.path}" was made with.`,
  )
}

function loadKey(file: PemFile, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: file.text, passphrase: passphrase ?? '' })
  } catch (cause) {
    const isEncrypted = ENCRYPTED.test(file.text)
    // What a wrong passphrase makes of the key fails in more ways than one.
    const reason = isEncrypted ? 'bad decrypt' : opensslReason(cause)
    const hint = passphrase === undefined ? 'Give its passphrase with sslpassword.' : 'Is sslpassword right?'
    throw wrongFile(
      `could not load private key file "${file.path}": ${reason}`,
      file,
      cause,
      isEncrypted ? `The key is encrypted. ${hint}` : 'The file must hold a private key in PEM.',
    )
  }
}

/** OpenSSL's reason without its numbers, as libpq shows it. */
function opensslReason(error: unknown): string {
  if (error instanceof Error && 'reason' in error && typeof error.reason === 'string') return error.reason
  return error instanceof Error ? error.message : String(error)
}

function wrongFile(message: string, { detail }: PemFile, cause: unknown, hint = pemHint(message)): WalrError {
  return new WalrError('WALR_TLS_FAILED', message, { detail, hint, ...(cause !== undefined && { cause }) })
}

function pemHint(message: string): string | undefined {
  const holdsNothing = /: no (?:start line|certificate or crl found)$/.test(message)
  return holdsNothing ? 'The file must hold at least one certificate in PEM.' : undefined
}
