import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { HttpSettings } from './http-settings.ts'
import type { TlsFiles } from './tls-files.ts'

export interface TlsCheckOptions {
  /** Names the files. */
  readonly settings: HttpSettings
  readonly logger: Logger
  /** In milliseconds since 1970. */
  readonly nowMs?: number
}

const CERTIFICATE =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^]*?(?:-----END \1-----|(?=-----BEGIN )|$(?![^]))/g
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

/**
 * Finds out which file is at fault: Node takes authorities that hold no certificate for none given, and of the rest it does
 * not say in which file it is. A certificate that clients will not take at the moment is warned of.
 * @throws WalrError WALR_HTTP_LISTEN
 */
export function checkTlsFiles({ cert, key, ca }: TlsFiles, options: TlsCheckOptions): void {
  const { certFile = '', keyFile = '', clientCaFile = '' } = options.settings
  if (ca !== undefined) for (const authority of certificatesIn(ca, clientCaFile)) toCertificate(authority, clientCaFile)
  const [first = ''] = certificatesIn(cert, certFile)
  const own = toCertificate(first, certFile)
  if (!own.checkPrivateKey(toKey(key, keyFile))) {
    throw new WalrError('WALR_HTTP_LISTEN', `the key in "${keyFile}" is not that of the certificate in "${certFile}"`, {
      hint: 'The first certificate in the file has to be the one that was made with this key.',
    })
  }
  warnOfItsTime(own, certFile, options)
}

function warnOfItsTime(
  { validFrom, validTo }: X509Certificate,
  path: string,
  { logger, nowMs = Date.now() }: TlsCheckOptions,
): void {
  const hint = 'Clients refuse it. Replace the file; it is read again once a minute.'
  if (Date.parse(validTo) < nowMs) logger.warning(`http: the certificate in "${path}" expired: ${validTo}`, { hint })
  if (Date.parse(validFrom) > nowMs) {
    logger.warning(`http: the certificate in "${path}" is not valid yet, but from ${validFrom}`, { hint })
  }
}

function certificatesIn(bytes: Buffer, path: string): readonly string[] {
  const found = bytes.toString('latin1').match(CERTIFICATE)
  if (found) return found
  throw new WalrError('WALR_HTTP_LISTEN', `there is no certificate in "${path}"`, {
    hint: 'The file must hold at least one certificate in PEM.',
  })
}

function toCertificate(text: string, path: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (cause) {
    throw new WalrError('WALR_HTTP_LISTEN', `a certificate in "${path}" cannot be read: ${reasonOf(cause)}`, { cause })
  }
}

function toKey(bytes: Buffer, path: string): KeyObject {
  try {
    // Without a passphrase Node would ask the terminal for one.
    return createPrivateKey({ key: bytes, passphrase: '' })
  } catch (cause) {
    const isEncrypted = ENCRYPTED.test(bytes.toString('latin1'))
    const what = isEncrypted ? 'it is encrypted' : reasonOf(cause)
    throw new WalrError('WALR_HTTP_LISTEN', `the private key in "${path}" cannot be read: ${what}`, {
      hint: isEncrypted ? 'Store it without a passphrase, readable by this user alone.' : 'It must be a key in PEM.',
      cause,
    })
  }
}

/** OpenSSL's reason without its numbers. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && 'reason' in error && typeof error.reason === 'string') return error.reason
  return error instanceof Error ? error.message : String(error)
}
