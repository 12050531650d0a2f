import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WalrError } from '../../errors/walr-error.ts'
import type { TlsSettings } from './connection-settings.ts'

/** Stands for the roots that the system trusts. */
export const SYSTEM_ROOTS: unique symbol = Symbol('system roots')

/** Contents of the certificate files, in PEM. */
export interface TlsMaterial {
  /** The roots that the server's certificate must come from, or the system's; undefined: it is not checked. */
  readonly rootCertificates: string | typeof SYSTEM_ROOTS | undefined
  readonly certificateChain: string | undefined
  readonly privateKey: string | undefined
  readonly revocationLists: readonly string[]
}

/**
 * Reads the files that the settings name, or the default ones in `~/.postgresql` that exist.
 * @throws WalrError WALR_TLS_FAILED when a file that is needed is absent, cannot be read, or is open to others.
 * @see PostgreSQL manual, "SSL Support"
 */
export async function readTlsMaterial(settings: TlsSettings): Promise<TlsMaterial> {
  const rootCertificates = await readRootCertificates(settings)
  const certificateChain =
    settings.certificateMode === 'disable'
      ? undefined
      : await readIfPresent(settings.certificateFile ?? inDefault(settings, 'postgresql.crt'), 'certificate file')
  const privateKey = certificateChain === undefined ? undefined : await readPrivateKey(settings)
  const revocationLists = rootCertificates === undefined ? [] : await readRevocationLists(settings)
  return { rootCertificates, certificateChain, privateKey, revocationLists }
}

async function readRootCertificates(settings: TlsSettings): Promise<TlsMaterial['rootCertificates']> {
  if (settings.rootCertificateFile === 'system') return SYSTEM_ROOTS
  const path = settings.rootCertificateFile ?? inDefault(settings, 'root.crt')
  const roots = await readIfPresent(path, 'root certificate file')
  if (roots !== undefined || !settings.mode.startsWith('verify')) return roots
  throw new WalrError(
    'WALR_TLS_FAILED',
    path === undefined
      ? 'could not get home directory to locate root certificate file'
      : `root certificate file "${path}" does not exist`,
    {
      hint:
        "Either provide the file, use the system's trusted roots with sslrootcert=system, or change sslmode to disable " +
        'server certificate verification.',
    },
  )
}

async function readPrivateKey(settings: TlsSettings): Promise<string> {
  const path = settings.keyFile ?? inDefault(settings, 'postgresql.key')
  const key = await readIfPresent(path, 'private key file')
  if (path === undefined || key === undefined) {
    throw new WalrError('WALR_TLS_FAILED', `certificate present, but not private key file "${path ?? ''}"`)
  }
  const status = await stat(path)
  if (!status.isFile()) throw new WalrError('WALR_TLS_FAILED', `private key file "${path}" is not a regular file`)
  // root's key may be readable by a group, as Debian's is by ssl-cert
  if ((status.mode & (status.uid === 0 ? 0o037 : 0o077)) !== 0) {
    throw new WalrError('WALR_TLS_FAILED', `private key file "${path}" has group or world access`, {
      hint:
        'File must have permissions u=rw (0600) or less if owned by the current user, or permissions u=rw,g=r (0640) or ' +
        'less if owned by root.',
    })
  }
  return key
}

/** Lists that do not exist are no error: "this file, if it exists, is used to reject", says the manual. */
async function readRevocationLists(settings: TlsSettings): Promise<readonly string[]> {
  const { revocationListDirectory: directory } = settings
  const file = settings.revocationListFile ?? (directory === undefined ? inDefault(settings, 'root.crl') : undefined)
  const texts = [await readIfPresent(file, 'certificate revocation list')]
  for (const name of directory === undefined ? [] : await hashedNames(directory)) {
    texts.push(await readIfPresent(join(directory ?? '', name), 'certificate revocation list'))
  }
  return texts.flatMap((text) => text?.match(/-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----/g) ?? [])
}

/** Names as `openssl rehash` makes them. */
async function hashedNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => /^[0-9a-f]{8}\.r\d+$/.test(name)).sort()
  } catch (cause) {
    throw unreadable('certificate revocation list directory', directory, cause)
  }
}

function inDefault(settings: TlsSettings, name: string): string | undefined {
  return settings.defaultDirectory === undefined ? undefined : join(settings.defaultDirectory, name)
}

async function readIfPresent(path: string | undefined, what: string): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (isAbsent(cause)) return undefined
    throw unreadable(what, path, cause)
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

function unreadable(what: string, path: string, cause: unknown): WalrError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new WalrError('WALR_TLS_FAILED', `could not read ${what} "${path}": ${reason}`, { cause })
}
