import { createHash } from 'node:crypto'
import { StorageError } from '@walr/core/plugin'
import type { ServerHostKeyAlgorithm } from 'ssh2'
import { knownHostName, type KnownHostKey } from './known-hosts.ts'

/** A known_hosts file and what it says of the server. */
export interface KnownHostsFile {
  readonly path: string
  readonly keys: readonly KnownHostKey[]
}

/** What is known of a server's keys. */
export interface HostKeyKnowledge {
  readonly host: string
  readonly port: number
  /** Pinned in the options, as `SHA256:...`; they count alone. */
  readonly pinned: readonly string[] | undefined
  readonly files: readonly KnownHostsFile[]
}

const RSA_SIGNATURES = ['rsa-sha2-512', 'rsa-sha2-256'] as const
const ALL_ALGORITHMS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  ...RSA_SIGNATURES,
]

/** The fingerprint as `ssh-keygen -l` shows it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`
}

/**
 * The signatures of host keys to ask for, best first: those of known keys come before the others, since a server shows one
 * key only.
 * @param accepted the type of a key that was trusted before.
 */
export function hostKeyAlgorithms({ files }: HostKeyKnowledge, accepted?: string): readonly ServerHostKeyAlgorithm[] {
  const told = files.flatMap(({ keys }) => keys.filter(({ kind }) => kind === 'host').map(({ type }) => type))
  const known = accepted === undefined ? told : [...told, accepted]
  const wanted: readonly string[] = known.flatMap((type) => (type === 'ssh-rsa' ? RSA_SIGNATURES : [type]))
  const first = ALL_ALGORITHMS.filter((algorithm) => wanted.includes(algorithm))
  return [...first, ...ALL_ALGORITHMS.filter((algorithm) => !wanted.includes(algorithm))]
}

/**
 * The algorithms of `offered` without those of keys of one type: a server that shows another key then has several.
 * @param type as {@link keyType} tells it.
 */
export function withoutKeyType(
  offered: readonly ServerHostKeyAlgorithm[],
  type: string,
): readonly ServerHostKeyAlgorithm[] {
  const without: readonly string[] = type === 'ssh-rsa' ? RSA_SIGNATURES : [type]
  return offered.filter((algorithm) => !without.includes(algorithm))
}

/**
 * Says why the key that the server has shown is not to be trusted; undefined when it is. The errors are `Permanent`: an
 * answer of somebody who looks into it is needed.
 * @param blob the key as on the wire.
 */
export function hostKeyFault(blob: Buffer, knowledge: HostKeyKnowledge): StorageError | undefined {
  const { pinned, files } = knowledge
  if (pinned) return pinned.includes(fingerprintOf(blob)) ? undefined : pinnedFault([blob], knowledge)
  const shown = describeKey(blob, knowledge)
  const found = files.flatMap(({ path, keys }) => keys.map((key) => ({ ...key, place: `${path}:${key.line}` })))
  const revoked = found.find((key) => key.kind === 'revoked' && key.blob.equals(blob))
  if (revoked) return refusal(`${shown.text}, and ${revoked.place} says that this key is revoked`)
  const trusted = found.filter(({ kind }) => kind === 'host')
  if (trusted.some((key) => key.blob.equals(blob))) return undefined
  const other = trusted.find(({ type }) => type === shown.type)
  if (other) {
    return refusal(
      `the host key of the server has CHANGED: ${shown.text}, and ${other.place} has ${fingerprintOf(other.blob)}. The ` +
        'server was set up anew, or somebody is in between. Find out which; if it is right, replace the line there with ' +
        `"${shown.line}"`,
    )
  }
  const authority = found.find(({ kind }) => kind === 'cert-authority')
  const hint = authority ? ` (walr does not use certificates of hosts, as ${authority.place} has them)` : ''
  const where = files.map(({ path }) => path).join(' or ')
  return refusal(
    `the host key of the server is not known: ${shown.text}${hint}. Compare the fingerprint with that of the server ` +
      `("ssh-keygen -lf" of its /etc/ssh/ssh_host_*_key.pub), then add the line "${shown.line}" to ${where}, or set ` +
      '"hostKey" to the fingerprint',
  )
}

/** Says that none of the keys which the server has shown is pinned. @param blobs at least one, as on the wire. */
export function pinnedFault(blobs: readonly Buffer[], { host, port, pinned = [] }: HostKeyKnowledge): StorageError {
  const shown = blobs.map((blob) => `the ${keyType(blob)} key ${fingerprintOf(blob)}`).join(' and ')
  return refusal(
    `${knownHostName(host, port)} has shown ${shown}, and "hostKey" has ${pinned.join(', ')}: the server was set up anew, this ` +
      'is another server, or somebody is in between. Find out which; if it is right, put the new fingerprint into "hostKey"',
  )
}

interface ShownKey {
  readonly type: string
  readonly text: string
  readonly line: string
}

function describeKey(blob: Buffer, { host, port }: HostKeyKnowledge): ShownKey {
  const type = keyType(blob)
  const name = knownHostName(host, port)
  return {
    type,
    text: `${name} has shown the ${type} key ${fingerprintOf(blob)}`,
    line: `${name} ${type} ${blob.toString('base64')}`,
  }
}

/** The type of a key, such as `ssh-ed25519`: a key on the wire begins with it, as a string with its length in front. */
export function keyType(blob: Buffer): string {
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0
  return blob.toString('latin1', 4, 4 + Math.min(length, 64))
}

function refusal(message: string): StorageError {
  return new StorageError('Permanent', message)
}
