import { describe, expect, it } from 'vitest'
import { fingerprintOf, hostKeyAlgorithms, hostKeyFault, type HostKeyKnowledge } from './host-key-policy.ts'
import { findKnownKeys } from './known-hosts.ts'

/** A key as on the wire: its type and something. */
function keyOf(type: string, content: string): Buffer {
  const part = (text: string): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(text.length)
    return Buffer.concat([length, Buffer.from(text)])
  }
  return Buffer.concat([part(type), part(content)])
}

const ED25519 = keyOf('ssh-ed25519', 'one')
const RSA = keyOf('ssh-rsa', 'two')

function knowledgeOf(content: string, pinned?: readonly string[]): HostKeyKnowledge {
  const files = pinned ? [] : [{ path: '/known', keys: findKnownKeys(content, 'host') }]
  return { host: 'host', port: 22, pinned, files }
}
const line = (blob: Buffer, type = 'ssh-ed25519', hosts = 'host'): string =>
  `${hosts} ${type} ${blob.toString('base64')}`

describe('the key of a server', () => {
  it('is fine when it is known or pinned', () => {
    expect(hostKeyFault(ED25519, knowledgeOf(line(ED25519)))).toBeUndefined()
    expect(hostKeyFault(ED25519, knowledgeOf('', ['SHA256:x', fingerprintOf(ED25519)]))).toBeUndefined()
  })

  it.each<[string, HostKeyKnowledge, RegExp]>([
    ['unknown', knowledgeOf(''), /not known.*ssh-ed25519 key SHA256:.*add the line "host ssh-ed25519 .*to \/known/],
    ['known in another type only', knowledgeOf(line(RSA, 'ssh-rsa')), /not known/],
    ['another one than before', knowledgeOf(line(RSA)), /CHANGED.*\/known:1 has SHA256:/],
    ['revoked', knowledgeOf(`${line(ED25519)}\n@revoked ${line(ED25519)}`), /\/known:2 says that this key is revoked/],
    ['that of an authority', knowledgeOf(`@cert-authority ${line(RSA)}`), /not known.*certificates.*\/known:1/],
    ['not pinned', knowledgeOf(line(ED25519), ['SHA256:x']), /"hostKey" has SHA256:x/],
  ])('is a Permanent fault when it is %s', (_what, knowledge, message) => {
    const fault = hostKeyFault(ED25519, knowledge)
    expect(fault?.code).toBe('Permanent')
    expect(fault?.message).toMatch(message)
  })

  it('is no fault of the program when it makes no sense', () => {
    expect(hostKeyFault(Buffer.alloc(0), knowledgeOf(''))?.code).toBe('Permanent')
    expect(hostKeyFault(Buffer.alloc(8, 255), knowledgeOf(''))?.code).toBe('Permanent')
  })
})

describe('the algorithms asked for', () => {
  it('begin with those of the keys that are known', () => {
    expect(hostKeyAlgorithms(knowledgeOf(''))[0]).toBe('ssh-ed25519')
    expect(hostKeyAlgorithms(knowledgeOf(line(RSA, 'ssh-rsa'))).slice(0, 3)).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
    ])
    expect(hostKeyAlgorithms(knowledgeOf(`@revoked ${line(RSA, 'ssh-rsa')}`))[0]).toBe('ssh-ed25519')
    expect(hostKeyAlgorithms(knowledgeOf(''))).not.toContain('ssh-rsa')
  })
})
