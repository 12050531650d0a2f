import { createHmac } from 'node:crypto'

/** A key that a known_hosts file has for a host. */
export interface KnownHostKey {
  /** `revoked` keys are never accepted; those of authorities sign the keys of hosts. */
  readonly kind: 'host' | 'revoked' | 'cert-authority'
  /** As in the file, such as `ssh-ed25519`. */
  readonly type: string
  /** As on the wire. */
  readonly blob: Buffer
  /** Counted from 1. */
  readonly line: number
}

/** How known_hosts files call a server: `host`, or `[host]:port` unless the port is 22. */
export function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

/**
 * The keys that a known_hosts file has for a host, by name, by pattern or by hash. Lines that are empty, comments, or not
 * of the format have none. See sshd(8).
 * @param hostName as {@link knownHostName} makes it.
 */
export function findKnownKeys(content: string, hostName: string): readonly KnownHostKey[] {
  return content.split('\n').flatMap((text, index) => {
    const fields = text.trim().split(/\s+/)
    const marker = fields[0]?.startsWith('@') === true ? fields.shift() : undefined
    const [hosts = '', type = '', key = ''] = fields
    const kind = kindOf(marker)
    if (kind === undefined || hosts === '' || hosts.startsWith('#') || !isFor(hosts, hostName)) return []
    const blob = Buffer.from(key, 'base64')
    return blob.length === 0 ? [] : [{ kind, type, blob, line: index + 1 }]
  })
}

function kindOf(marker: string | undefined): KnownHostKey['kind'] | undefined {
  if (marker === undefined) return 'host'
  if (marker === '@revoked') return 'revoked'
  return marker === '@cert-authority' ? 'cert-authority' : undefined
}

function isFor(hosts: string, hostName: string): boolean {
  if (hosts.startsWith('|')) return isHashOf(hosts, hostName)
  const patterns = hosts.toLowerCase().split(',')
  const isExcluded = patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), hostName))
  return !isExcluded && patterns.some((pattern) => matches(pattern, hostName))
}

/** `|1|SALT|HMAC-SHA1 of the name`, both in base64. */
function isHashOf(hashed: string, hostName: string): boolean {
  const [, version, salt = '', hash = ''] = hashed.split('|')
  if (version !== '1' || salt === '') return false
  const expected = createHmac('sha1', Buffer.from(salt, 'base64')).update(hostName).digest()
  return expected.equals(Buffer.from(hash, 'base64'))
}

/** `*` stands for any text, `?` for any character. */
function matches(pattern: string, hostName: string): boolean {
  const literal = pattern.replaceAll(/[.+^${}()|[\]\\/-]/g, String.raw`\$&`)
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(hostName)
}
