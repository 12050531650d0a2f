import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { WalrError } from '../../errors/walr-error.ts'
import type { TlsSettings } from './connection-settings.ts'
import { fileKind, inDefault, readIfPresent, unreadable, type FileKind, type PemFile } from './pem-file.ts'

/**
 * Lists that do not exist are no error: "this file, if it exists, is used to reject", says the manual. One that exists and
 * holds no list is one: libpq goes on without, and accepts what was revoked.
 */
export async function readRevocationLists(settings: TlsSettings): Promise<readonly PemFile[]> {
  const { revocationListDirectory: directory } = settings
  const path = settings.revocationListFile ?? (directory === undefined ? inDefault(settings, 'root.crl') : undefined)
  const file = await readIfPresent(path, fileKind(settings, 'sslcrl', 'certificate revocation list'))
  const lists = file ? listsIn(file) : []
  return directory === undefined ? lists : [...lists, ...(await readListDirectory(settings, directory))]
}

async function readListDirectory(settings: TlsSettings, directory: string): Promise<readonly PemFile[]> {
  const kind = fileKind(settings, 'sslcrldir', 'certificate revocation list directory')
  const lists: PemFile[] = []
  for (const name of await hashedNames(directory, kind)) {
    const file = await readIfPresent(join(directory, name), { ...kind, name: 'certificate revocation list' })
    if (file) lists.push(...listsIn(file))
  }
  if (lists.length > 0) return lists
  throw new WalrError('WALR_TLS_FAILED', `could not read ${kind.name} "${directory}": no certificate or crl found`, {
    detail: kind.detail,
    hint: 'Names of lists have to be as "openssl rehash" makes them: 0a1b2c3d.r0.',
  })
}

function listsIn(file: PemFile): readonly PemFile[] {
  const lists = file.text.match(/-----BEGIN X509 CRL-----[^]*?-----END X509 CRL-----/g) ?? []
  const begun = file.text.match(/-----BEGIN X509 CRL-----/g)?.length ?? 0
  if (lists.length > 0 && lists.length === begun) return lists.map((text) => ({ ...file, text }))
  const reason = begun === 0 ? 'no certificate or crl found' : 'bad end line'
  const message = `could not read certificate revocation list "${file.path}": ${reason}`
  throw new WalrError('WALR_TLS_FAILED', message, {
    detail: file.detail,
    hint: 'The file must hold at least one list in PEM, which begins with "-----BEGIN X509 CRL-----".',
  })
}

/** Names as `openssl rehash` makes them. */
async function hashedNames(directory: string, kind: FileKind): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => /^[0-9a-f]{8}\.r\d+$/.test(name)).sort()
  } catch (cause) {
    throw unreadable(kind, directory, cause)
  }
}
