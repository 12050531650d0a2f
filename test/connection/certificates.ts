import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustRun } from '../support/run-program.ts'

/** A certificate and its key, as files. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** A certificate authority made for a test with the `openssl` program; all its files are in one folder. */
export class CertificateAuthority {
  readonly root: CertificateFiles
  readonly #folder: string
  readonly #name: string

  private constructor(folder: string, name: string) {
    this.#folder = folder
    this.#name = name
    this.root = this.#files(name)
  }

  static async create(folder: string, name: string): Promise<CertificateAuthority> {
    const authority = new CertificateAuthority(folder, name)
    const { certificate, key } = authority.root
    await openssl(
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-days', '30', '-subj', `/CN=${name}`],
      ['-addext', 'basicConstraints=critical,CA:TRUE', '-keyout', key, '-out', certificate],
    )
    writeFileSync(join(folder, `${name}.index`), '')
    writeFileSync(
      join(folder, `${name}.cnf`),
      `[ca]\ndefault_ca=x\n[x]\ndatabase=${join(folder, `${name}.index`)}\ndefault_md=sha256\ndefault_crl_days=30\n`,
    )
    return authority
  }

  /** A certificate signed by this authority; `subjectAltName` in OpenSSL's spelling, `DNS:a,IP:10.0.0.1`. */
  async issue(
    name: string,
    { commonName, subjectAltName }: { readonly commonName: string; readonly subjectAltName?: string },
  ): Promise<CertificateFiles> {
    const files = this.#files(name)
    const request = join(this.#folder, `${name}.csr`)
    const extensions = join(this.#folder, `${name}.ext`)
    writeFileSync(extensions, subjectAltName === undefined ? '' : `subjectAltName=${subjectAltName}\n`)
    await openssl(
      ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-sha256', '-subj', `/CN=${commonName}`],
      ['-keyout', files.key, '-out', request],
    )
    await openssl(
      ['x509', '-req', '-in', request, '-CA', this.root.certificate, '-CAkey', this.root.key, '-CAcreateserial'],
      ['-sha256', '-days', '30', '-extfile', extensions, '-out', files.certificate],
    )
    chmodSync(files.key, 0o600)
    return files
  }

  /** The same key, encrypted. Resolves to its file. */
  async encryptKey(key: string, passphrase: string): Promise<string> {
    const encrypted = `${key}.encrypted`
    await openssl(['rsa', '-aes256', '-in', key, '-out', encrypted, '-passout', `pass:${passphrase}`])
    chmodSync(encrypted, 0o600)
    return encrypted
  }

  /** A revocation list with these certificates on it. Resolves to its file. */
  async revoke(...certificates: readonly string[]): Promise<string> {
    const list = join(this.#folder, `${this.#name}.crl`)
    const { certificate, key } = this.root
    const config = ['-config', join(this.#folder, `${this.#name}.cnf`), '-cert', certificate, '-keyfile', key]
    for (const revoked of certificates) await openssl(['ca', ...config, '-revoke', revoked])
    await openssl(['ca', ...config, '-gencrl', '-out', list])
    return list
  }

  #files(name: string): CertificateFiles {
    return { certificate: join(this.#folder, `${name}.crt`), key: join(this.#folder, `${name}.key`) }
  }
}

/** The contents of both files. */
export function readCertificate({ certificate, key }: CertificateFiles): {
  readonly certificate: string
  readonly key: string
} {
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
}

async function openssl(...args: readonly (readonly string[])[]): Promise<void> {
  await mustRun('openssl', args.flat())
}
