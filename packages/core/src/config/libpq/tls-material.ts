import { WalrError } from '../../errors/walr-error.ts'
import type { TlsSettings } from './connection-settings.ts'
import { fileKind, inDefault, readIfPresent, statIfPresent, type PemFile } from './pem-file.ts'
import { readRevocationLists } from './revocation-lists.ts'

/** Stands for the roots that the system trusts. */
export const SYSTEM_ROOTS: unique symbol = Symbol('system roots')

/** Contents of the certificate files. */
export interface TlsMaterial {
  /** The roots that the server's certificate must come from, or the system's; undefined: it is not checked. */
  readonly rootCertificates: PemFile | typeof SYSTEM_ROOTS | undefined
  readonly certificateChain: PemFile | undefined
  readonly privateKey: PemFile | undefined
  /** One list each. */
  readonly revocationLists: readonly PemFile[]
}

/**
 * Reads the files that the settings name, or the default ones in `~/.postgresql` that exist.
 * @throws WalrError WALR_TLS_FAILED when a file that is needed is absent, cannot be read, or is open to others. No
 * WALR_CONNECTION_SETTING: files change, and a receiver that runs must outlive the moments in which they are renewed.
 * @see PostgreSQL manual, "SSL Support"
 */
export async function readTlsMaterial(settings: TlsSettings): Promise<TlsMaterial> {
  const rootCertificates = await readRootCertificates(settings)
  const certificateChain =
    settings.certificateMode === 'disable'
      ? undefined
      : await readIfPresent(
          settings.certificateFile ?? inDefault(settings, 'postgresql.crt'),
          fileKind(settings, 'sslcert', 'certificate file'),
        )
  const privateKey = certificateChain === undefined ? undefined : await readPrivateKey(settings)
  const revocationLists = rootCertificates === undefined ? [] : await readRevocationLists(settings)
  return { rootCertificates, certificateChain, privateKey, revocationLists }
}

async function readRootCertificates(settings: TlsSettings): Promise<TlsMaterial['rootCertificates']> {
  if (settings.rootCertificateFile === 'system') return SYSTEM_ROOTS
  const path = settings.rootCertificateFile ?? inDefault(settings, 'root.crt')
  const roots = await readIfPresent(path, fileKind(settings, 'sslrootcert', 'root certificate file'))
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

async function readPrivateKey(settings: TlsSettings): Promise<PemFile> {
  const path = settings.keyFile ?? inDefault(settings, 'postgresql.key')
  const kind = fileKind(settings, 'sslkey', 'private key file')
  const { detail } = kind
  const status = path === undefined ? undefined : await statIfPresent(path, kind)
  if (status?.isFile() === false)
    throw new WalrError('WALR_TLS_FAILED', `private key file "${path ?? ''}" is not a regular file`, { detail })
  const key = await readIfPresent(path, kind)
  if (path === undefined || status === undefined || key === undefined) {
    throw new WalrError('WALR_TLS_FAILED', `certificate present, but not private key file "${path ?? ''}"`, { detail })
  }
  // root's key may be readable by a group, as Debian's is by ssl-cert
  if ((status.mode & (status.uid === 0 ? 0o037 : 0o077)) !== 0) {
    throw new WalrError('WALR_TLS_FAILED', `private key file "${path}" has group or world access`, {
      detail,
      hint:
        'File must have permissions u=rw (0600) or less if owned by the current user, or permissions u=rw,g=r (0640) or ' +
        'less if owned by root.',
    })
  }
  return key
}
