import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isStorageError } from '@walr/core/plugin'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mustRun } from '../support/run-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { makeKey, startSshd, type KeyFiles, type Sshd } from '../support/sshd/sshd.ts'
import { startSshFaultProxy } from '../support/sshd/ssh-fault-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { openOnServer } from './open-sftp-storage.ts'
import { recordedContext } from '../support/recorded-context.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'

const signal = new AbortController().signal

let scratch: Scratch
let server: Sshd
let other: KeyFiles
let directory: string

beforeAll(async () => {
  scratch = makeScratch('host-keys')
  server = await startSshd()
  other = await makeKey(join(scratch.path, 'other'))
  directory = server.makeFolder()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  scratch.remove()
})

/** Asks for an object that is absent: being told so means that the server was let in, and has let us in. */
async function ask(options: Readonly<Record<string, unknown>>): Promise<void> {
  const context = recordedContext({ baseDirectory: scratch.path })
  await using storage = await openOnServer(server, { directory, hostKey: undefined, ...options }, context)
  await storage.head('absent', { signal })
}

function knownHosts(...lines: readonly string[]): { readonly knownHostsFile: string } {
  writeFileSync(join(scratch.path, 'known_hosts'), `${lines.join('\n')}\n`)
  return { knownHostsFile: 'known_hosts' }
}

const trusted = storageErrorWith('NotFound')
const name = (): string => `[127.0.0.1]:${server.port}`

describe('the key of a server', () => {
  it('is trusted when it is in known_hosts, by name, by pattern, and among others', async () => {
    const line = `${name()} ${server.hostKey.publicKey}`
    await expect(ask(knownHosts('# comment', '', line))).rejects.toThrow(trusted)
    await expect(ask(knownHosts(`[127.0.*]:* ${server.hostKey.publicKey} comment`))).rejects.toThrow(trusted)
    await expect(ask(knownHosts(`${name()} ${other.publicKey}`, line))).rejects.toThrow(trusted)
  })

  it('is trusted when ssh-keygen has hashed its name', async () => {
    const options = knownHosts(`${name()} ${server.hostKey.publicKey}`)
    const file = join(scratch.path, 'known_hosts')
    await mustRun('ssh-keygen', ['-q', '-H', '-f', file])
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|/)
    await expect(ask(options)).rejects.toThrow(trusted)
  })

  it('is trusted when its fingerprint is in the options, among others', async () => {
    await expect(ask({ hostKey: server.hostKey.fingerprint })).rejects.toThrow(trusted)
    await expect(ask({ hostKey: [other.fingerprint, server.hostKey.fingerprint] })).rejects.toThrow(trusted)
  })

  it('is refused when it is not known, with its type, its fingerprint, and a line that makes it known', async () => {
    const options = knownHosts(`elsewhere ${server.hostKey.publicKey}`)
    const failed = await ask(options).catch((error: unknown) => error as Error)
    expect(isStorageError(failed, 'Permanent')).toBe(true)
    const message = failed?.message ?? ''
    expect(message).toContain(`ssh-ed25519 key ${server.hostKey.fingerprint}`)
    expect(message).toContain('not known')
    const [, line = ''] = /add the line "([^"]+)"/.exec(message) ?? []
    await expect(ask(knownHosts(line))).rejects.toThrow(trusted)
  })

  it('counts as soon as its line is added', async () => {
    const options = { directory, ...knownHosts(''), hostKey: undefined }
    await using storage = await openOnServer(server, options, recordedContext({ baseDirectory: scratch.path }))
    await expect(storage.head('absent', { signal })).rejects.toThrow(storageErrorWith('Permanent'))
    knownHosts(`${name()} ${server.hostKey.publicKey}`)
    await expect(storage.head('absent', { signal })).rejects.toThrow(trusted)
  })

  it('is refused when it is not the one that was known, and told as changed', async () => {
    const failed = ask(knownHosts('', `${name()} ${other.publicKey}`))
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('CHANGED')
    await expect(failed).rejects.toThrow(`known_hosts:2 has ${other.fingerprint}`)
    const pinned = ask({ hostKey: other.fingerprint })
    await expect(pinned).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(pinned).rejects.toThrow(server.hostKey.fingerprint)
  })

  it('is refused when it is revoked, whatever else is said of it', async () => {
    const { publicKey } = server.hostKey
    const failed = ask(knownHosts(`${name()} ${publicKey}`, `@revoked * ${publicKey}`))
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('revoked')
  })

  it('is refused when only an authority is known, and says that walr cannot use it', async () => {
    const failed = ask(knownHosts(`@cert-authority * ${other.publicKey}`))
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('certificates')
  })

  it('cannot be told when the file of known servers is absent, which ends the opening of the storage', async () => {
    const opening = openOnServer(
      server,
      { directory, hostKey: undefined, knownHostsFile: 'absent' },
      recordedContext({ baseDirectory: scratch.path }),
    )
    await expect(opening).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(opening).rejects.toThrow(join(scratch.path, 'absent'))
  })

  it('is asked for in the type that is known, or pinned, where the server has several', async () => {
    const rsa = await makeKey(join(scratch.path, 'rsa'), ['-t', 'rsa', '-b', '3072', '-N', ''])
    const readable = join(server.path, 'rsa')
    writeFileSync(readable, readFileSync(rsa.path), { mode: 0o644 })
    await using several = await startSshd({ config: [`HostKey ${readable}`] })
    await using proxy = await startSshFaultProxy(several.port)
    const place = { directory: several.makeFolder(), port: proxy.port, maxConnections: 2 }
    const context = recordedContext({ baseDirectory: scratch.path })
    const known = { hostKey: undefined, ...knownHosts(`[127.0.0.1]:${proxy.port} ${rsa.publicKey}`) }
    await using byFile = await openOnServer(several, { ...place, ...known }, context)
    await expect(byFile.head('absent', { signal })).rejects.toThrow(trusted)
    expect(proxy.accepted).toBe(1)

    await using pinned = await openOnServer(several, { ...place, hostKey: rsa.fingerprint }, context)
    await expect(pinned.head('absent', { signal })).rejects.toThrow(trusted)
    expect(proxy.accepted).toBe(3)
    proxy.cut()
    await waitFor('it is let in again', () =>
      pinned.head('absent', { signal }).then(
        () => false,
        (error: unknown) => isStorageError(error, 'NotFound'),
      ),
    )
    expect(proxy.accepted).toBe(4) // what was trusted is asked for first

    await using neither = await openOnServer(several, { ...place, hostKey: other.fingerprint }, context)
    const failed = neither.head('absent', { signal })
    await expect(failed).rejects.toThrow(
      `ssh-ed25519 key ${several.hostKey.fingerprint} and the ssh-rsa key ${rsa.fingerprint}`,
    )
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
  })
})
