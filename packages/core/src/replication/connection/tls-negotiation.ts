import { isIP } from 'node:net'
import tls from 'node:tls'
import type { TlsSettings } from '../../config/libpq/connection-settings.ts'
import { readTlsMaterial, SYSTEM_ROOTS, type TlsMaterial } from '../../config/libpq/tls-material.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { ByteTransport } from './byte-transport.ts'
import { checkTlsFiles } from './check-tls-files.ts'
import { systemErrorCode } from './network-error.ts'
import { certificateMatchesHost, mismatchMessage, parseSubjectAltName } from './server-certificate-name.ts'
import { sslRequest } from './startup-message.ts'

const ALPN = 'postgresql'
const ACCEPTED = 0x53 // 'S'
const REFUSED = 0x4e // 'N'

/**
 * Puts TLS over a fresh connection, as the settings say, and checks the server's certificate.
 * @returns the server's certificate in DER; undefined when the server does not speak TLS and the settings allow that.
 * @throws WalrError WALR_TLS_FAILED, WALR_CONNECTION_LOST
 */
export async function negotiateTls(
  transport: ByteTransport,
  settings: TlsSettings,
  host: string,
): Promise<Buffer | undefined> {
  const material = await readTlsMaterial(settings)
  checkTlsFiles(material, settings.keyPassphrase)
  if (settings.negotiation === 'postgres' && !(await serverAccepts(transport))) {
    if (settings.mode === 'allow' || settings.mode === 'prefer') return undefined
    throw tlsFailed('server does not support SSL, but SSL was required')
  }
  const socket = await handshake(transport, tlsOptions(settings, material, host))
  if (settings.negotiation === 'direct' && socket.alpnProtocol !== ALPN) {
    throw tlsFailed('direct SSL connection was established without ALPN protocol negotiation extension')
  }
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) throw tlsFailed('certificate could not be obtained: the server sent none')
  if (settings.mode === 'verify-full') {
    const alternatives = parseSubjectAltName(certificate.subjectAltName ?? '')
    const names = { ...alternatives, commonName: commonNameOf(certificate.toLegacyObject().subject.CN) }
    if (!certificateMatchesHost(names, host)) throw tlsFailed(mismatchMessage(names, host))
  }
  return certificate.raw
}

/** Sends SSLRequest and takes the one byte of the answer. */
async function serverAccepts(transport: ByteTransport): Promise<boolean> {
  const answer = Promise.withResolvers<number>()
  transport.listen({
    onBytes: (bytes, length) => {
      const byte = bytes[0] ?? 0
      // Bytes in the clear after the answer would be taken for the server's once TLS is up (CVE-2021-23222).
      if (length > 1 && (byte === ACCEPTED || byte === REFUSED)) {
        answer.reject(tlsFailed('received unencrypted data after SSL response'))
      } else answer.resolve(byte)
    },
    onReadEnd: () => undefined,
    onEnd: answer.reject,
  })
  transport.write(sslRequest())
  const byte = await answer.promise
  if (byte === ACCEPTED) return true
  if (byte === REFUSED) return false
  // What an error says here has not been authenticated by anything (CVE-2024-10977): it is not shown.
  if (byte === 0x45) throw tlsFailed('server sent an error response during SSL exchange')
  throw tlsFailed(`received invalid response to SSL negotiation: ${JSON.stringify(String.fromCharCode(byte))}`)
}

async function handshake(transport: ByteTransport, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  try {
    return await transport.secure(options)
  } catch (cause) {
    if (transport.destroyReason) throw transport.destroyReason // an abort or a timeout of ours is no fault of TLS
    if (cause instanceof Error) cause.message = withoutAdvice(cause.message) // a verbose log shows causes
    throw tlsFailed(tlsErrorText(cause), cause)
  }
}

function tlsOptions(settings: TlsSettings, material: TlsMaterial, host: string): tls.ConnectionOptions {
  const { rootCertificates, certificateChain, privateKey, revocationLists } = material
  return {
    rejectUnauthorized: rootCertificates !== undefined,
    checkServerIdentity: () => undefined, // libpq's rules are applied after the handshake
    ALPNProtocols: [ALPN],
    minVersion: settings.minProtocolVersion,
    ...(settings.maxProtocolVersion && { maxVersion: settings.maxProtocolVersion }),
    ...(settings.serverNameIndication && isIP(host) === 0 && host !== '' && { servername: host }),
    ...(rootCertificates !== undefined && {
      ca: rootCertificates === SYSTEM_ROOTS ? tls.getCACertificates('system') : rootCertificates.text,
    }),
    ...(certificateChain !== undefined && { cert: certificateChain.text }),
    ...(privateKey !== undefined && { key: privateKey.text }),
    ...(settings.keyPassphrase !== undefined && { passphrase: settings.keyPassphrase }),
    ...(revocationLists.length > 0 && { crl: revocationLists.map(({ text }) => text) }),
  }
}

/** OpenSSL's reason without its numbers and file names. */
export function tlsErrorText(error: unknown): string {
  if (!(error instanceof Error)) return `SSL error: ${String(error)}`
  if ('reason' in error && typeof error.reason === 'string') return `SSL error: ${error.reason}`
  const code = systemErrorCode(error) ?? ''
  const isVerification = /^[A-Z]+(?:_[A-Z0-9]+)+$/.test(code) && !code.startsWith('ERR_')
  return `SSL error: ${isVerification ? 'certificate verify failed: ' : ''}${withoutAdvice(error.message)}`
}

/** Node advises on its own options after a semicolon; walr has none of them. */
function withoutAdvice(message: string): string {
  return message.replace(/; [^;]*\bNode\.js\b[^]*$/, '')
}

function commonNameOf(name: string | readonly string[] | undefined): string | undefined {
  return typeof name === 'string' ? name : name?.[0]
}

function tlsFailed(message: string, cause?: unknown): WalrError {
  return new WalrError('WALR_TLS_FAILED', message, cause === undefined ? {} : { cause })
}
