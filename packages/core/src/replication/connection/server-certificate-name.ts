import { isIP } from 'node:net'

/** The names that a certificate was issued to. */
export interface CertificateNames {
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  readonly commonName: string | undefined
}

/**
 * Whether a certificate is one for `host`, as libpq decides it for `sslmode=verify-full`: alternative names of the host's
 * own kind (names or addresses) rule out the common name; `*` stands for exactly one leading label.
 *
 * @see PostgreSQL manual, "Client Verification of Server Certificates"
 */
export function certificateMatchesHost(names: CertificateNames, host: string): boolean {
  const isAddress = isIP(host) !== 0
  if (names.dnsNames.some((name) => nameMatches(name, host))) return true
  if (isAddress && names.ipAddresses.some((address) => sameAddress(address, host))) return true
  const ofSameKind = isAddress ? names.ipAddresses : names.dnsNames
  return ofSameKind.length === 0 && names.commonName !== undefined && nameMatches(names.commonName, host)
}

/** `server certificate for "a" (and 2 other names) does not match host name "b"`, as libpq says it. */
export function mismatchMessage(names: CertificateNames, host: string): string {
  const all = [...names.dnsNames, ...names.ipAddresses]
  if (all.length === 0 && names.commonName !== undefined) all.push(names.commonName)
  const [first] = all
  if (first === undefined) return "could not get server's host name from server certificate"
  const others = all.length - 1
  const more = others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'name' : 'names'})`
  return `server certificate for "${first}"${more} does not match host name "${host}"`
}

/**
 * Takes apart the text form of Node's `subjectAltName`: `DNS:a, IP Address:10.0.0.1`. Values with unusual characters are
 * JSON strings there.
 */
export function parseSubjectAltName(text: string): Pick<CertificateNames, 'dnsNames' | 'ipAddresses'> {
  const dnsNames: string[] = []
  const ipAddresses: string[] = []
  for (const [, kind, value = ''] of text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    const name = value.startsWith('"') ? String(JSON.parse(value)) : value
    if (kind === 'DNS') dnsNames.push(name)
    else if (kind === 'IP Address') ipAddresses.push(name)
  }
  return { dnsNames, ipAddresses }
}

function nameMatches(pattern: string, host: string): boolean {
  // A NUL would end the name for a C program: certificates have been issued to fool those.
  if (pattern.includes('\0')) return false
  const name = pattern.toLowerCase()
  const wanted = host.toLowerCase()
  if (name === wanted) return true
  if (!name.startsWith('*.') || name.length < 3) return false
  const dot = wanted.indexOf('.')
  return dot > 0 && wanted.slice(dot) === name.slice(1)
}

function sameAddress(one: string, other: string): boolean {
  return canonicalAddress(one) === canonicalAddress(other)
}

function canonicalAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address.replace(/%.*$/, '')}]/`).hostname : address
}
