import type { ServerOptions } from 'node:https'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { readSmallFile } from '../wal/read-whole-file.ts'
import type { HttpSettings } from './http-settings.ts'

/** Contents of PEM files. */
export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
  readonly ca: Buffer | undefined
}

/**
 * Reads certificate, key and authorities.
 * @returns undefined where none are configured.
 * @throws WalrError WALR_HTTP_LISTEN
 */
export async function readTlsFiles(disk: Disk, settings: HttpSettings): Promise<TlsFiles | undefined> {
  const { certFile, keyFile, clientCaFile } = settings
  if (certFile === undefined || keyFile === undefined) return undefined
  return {
    cert: await read(disk, certFile),
    key: await read(disk, keyFile),
    ca: clientCaFile === undefined ? undefined : await read(disk, clientCaFile),
  }
}

async function read(disk: Disk, path: string): Promise<Buffer> {
  try {
    return await readSmallFile(disk, path)
  } catch (cause) {
    throw new WalrError('WALR_HTTP_LISTEN', `could not read "${path}": ${systemErrorText(cause)}`, { cause })
  }
}

/**
 * How to speak TLS with them. A client without a good certificate is told so in an answer (`AccessControl`), which needs
 * a connection; so the handshake lets it in.
 */
export function secureOptions({ cert, key, ca }: TlsFiles): ServerOptions {
  const clients = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }
  return { cert, key, ...clients, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 }
}

/** @throws WalrError WALR_HTTP_LISTEN when OpenSSL does not like the files. */
export function orBadCertificate<T>({ certFile = '', keyFile = '' }: HttpSettings, use: () => T): T {
  try {
    return use()
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw new WalrError('WALR_HTTP_LISTEN', `"${certFile}" and "${keyFile}" cannot be used for HTTPS: ${text}`, {
      cause,
    })
  }
}
