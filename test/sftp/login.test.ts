import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { mustRun } from '../support/run-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { PasswordServer, type PasswordMethod } from '../support/sshd/password-server.ts'
import { makeKey, startSshd, type KeyFiles, type Sshd } from '../support/sshd/sshd.ts'
import { spawnTracked } from '../support/tracked-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { openOnServer } from './open-sftp-storage.ts'
import { recordedContext } from '../support/recorded-context.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'

const signal = new AbortController().signal
const SECRET = 'vErYsEcReT'

let scratch: Scratch
let server: Sshd
let locked: KeyFiles
let directory: string

beforeAll(async () => {
  scratch = makeScratch('login')
  locked = await makeKey(join(scratch.path, 'locked'), ['-t', 'ed25519', '-N', SECRET])
  server = await startSshd({ authorizedKeys: [locked.publicKey] })
  directory = server.makeFolder()
})
afterEach(() => {
  vi.unstubAllEnvs()
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  scratch.remove()
})

const letIn = storageErrorWith('NotFound')

/** Asks for an object that is absent: being told so means that the server has let us in. */
async function ask(options: Readonly<Record<string, unknown>>): Promise<void> {
  const context = recordedContext({ baseDirectory: scratch.path })
  await using storage = await openOnServer(server, { directory, privateKeyFile: undefined, ...options }, context)
  await storage.head('absent', { signal })
}

describe('a private key', () => {
  it('lets in from a file, which is relative to the configuration, and as text', async () => {
    await expect(ask({ privateKeyFile: server.userKey.path })).rejects.toThrow(letIn)
    await expect(ask({ privateKey: readFileSync(server.userKey.path, 'utf8') })).rejects.toThrow(letIn)
    await expect(ask({ privateKeyFile: 'locked', passphrase: SECRET })).rejects.toThrow(letIn)
  })

  it('that cannot be opened ends the opening of the storage, and its passphrase is not shown', async () => {
    const failed = ask({ privateKeyFile: 'locked', passphrase: `${SECRET}!` })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('passphrase')
    await expect(failed).rejects.not.toThrow(SECRET)
    await expect(ask({ privateKeyFile: 'locked' })).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(ask({ privateKeyFile: 'absent' })).rejects.toThrow(join(scratch.path, 'absent'))
    await expect(ask({ privateKey: 'no key' })).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('of a kind that cannot be read says so, with the command that changes it', async () => {
    const path = join(scratch.path, 'pkcs8')
    const key = await makeKey(path, ['-t', 'ecdsa', '-m', 'PKCS8', '-N', ''])
    await expect(ask({ privateKeyFile: path })).rejects.toThrow(/PKCS#8.*"ssh-keygen -p -f FILE"/)
    await mustRun('ssh-keygen', ['-q', '-p', '-f', path, '-P', '', '-N', SECRET])
    await using knowing = await startSshd({ authorizedKeys: [key.publicKey] })
    const place = { directory: knowing.makeFolder(), privateKeyFile: path, passphrase: SECRET }
    await using storage = await openOnServer(knowing, place)
    await expect(storage.head('absent', { signal })).rejects.toThrow(letIn)
    await mustRun('ssh-keygen', [
      '-q',
      '-p',
      '-f',
      path,
      '-P',
      SECRET,
      '-N',
      SECRET,
      '-Z',
      'chacha20-poly1305@openssh.com',
    ])
    const sealed = ask({ privateKeyFile: path, passphrase: SECRET })
    await expect(sealed).rejects.toThrow(/chacha20-poly1305@openssh.com, which walr does not have.*-Z aes256-ctr/)
    await expect(sealed).rejects.toThrow(storageErrorWith('Permanent'))
    await mustRun('ssh-keygen', ['-q', '-p', '-f', path, '-P', SECRET, '-N', SECRET, '-Z', 'aes256-ctr'])
    await using again = await openOnServer(knowing, place)
    await expect(again.head('absent', { signal })).rejects.toThrow(letIn)
  })

  it('that the server does not know is AccessDenied', async () => {
    const unknown = await makeKey(join(scratch.path, 'unknown'))
    const failed = ask({ privateKeyFile: unknown.path })
    await expect(failed).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(ask({ privateKeyFile: server.userKey.path, username: 'nobody-here' })).rejects.toThrow(
      storageErrorWith('AccessDenied'),
    )
  })
})

describe('an agent', () => {
  it('lets in with the keys it has, by its path and by SSH_AUTH_SOCK', async () => {
    const socket = join(scratch.path, 'agent.sock')
    const agent = spawnTracked('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
    try {
      const add = () =>
        mustRun('ssh-add', ['-q', server.userKey.path], { env: { ...process.env, SSH_AUTH_SOCK: socket } })
      await waitFor('the agent has the key', async () => (await add()) === '')
      await expect(ask({ agent: socket })).rejects.toThrow(letIn)
      vi.stubEnv('SSH_AUTH_SOCK', socket)
      await expect(ask({})).rejects.toThrow(letIn)
    } finally {
      agent.kill('SIGKILL')
    }
  })

  it('that is not there is AccessDenied, and named', async () => {
    const failed = ask({ agent: 'absent.sock' })
    await expect(failed).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(failed).rejects.toThrow('absent.sock')
  })

  it('is asked after a private key that is refused', async () => {
    const unknown = await makeKey(join(scratch.path, 'first'))
    const failed = ask({ privateKeyFile: unknown.path, agent: 'absent.sock' })
    await expect(failed).rejects.toThrow('absent.sock')
  })
})

describe('a password', () => {
  it.each<PasswordMethod>(['password', 'keyboard-interactive'])('lets in by %s (a fake server)', async (method) => {
    await using fake = new PasswordServer(server.hostKey.path, SECRET, method)
    await fake.listen()
    const place = { port: fake.port, directory: '/archive', username: 'walr' }
    await expect(ask({ ...place, password: SECRET })).rejects.toThrow(letIn)
    const failed = ask({ ...place, password: `${SECRET}-wrong` })
    await expect(failed).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(failed).rejects.not.toThrow(SECRET)
    expect(fake.tried).toEqual([SECRET, `${SECRET}-wrong`])
  })

  it('is never sent to a server whose key is not trusted', async () => {
    await using fake = new PasswordServer(server.hostKey.path, SECRET, 'password')
    await fake.listen()
    const hostKey = server.userKey.fingerprint
    const failed = ask({ port: fake.port, directory: '/archive', password: SECRET, hostKey })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    expect(fake.tried).toEqual([])
  })
})

describe('an account that does not start SFTP', () => {
  it('but prints something is Permanent, and says what', async () => {
    await using chatty = await startSshd({ config: ['ForceCommand echo This account is not available'] })
    await using storage = await openOnServer(chatty, { directory: chatty.makeFolder() })
    const failed = storage.head('absent', { signal })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow(/prints "This\.\.\.".*ForceCommand internal-sftp/)
  })

  it('but ends at once is Permanent, and says how (a fake server)', async () => {
    await using fake = new PasswordServer(server.hostKey.path, SECRET, 'password', 7)
    await fake.listen()
    const failed = ask({ port: fake.port, directory: '/archive', username: 'walr', password: SECRET })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow(/exit code 7.*ForceCommand internal-sftp/)
  })
})

describe('what the options say', () => {
  it('is refused when there is nothing to log in with', async () => {
    vi.stubEnv('SSH_AUTH_SOCK', undefined)
    await expect(ask({})).rejects.toThrow(/nothing to log in with/)
  })

  it('reaches the server: directories that are relative begin where the login does', async () => {
    await using home = await startSshd({ config: [`ForceCommand internal-sftp -d ${server.path}`] })
    mkdirSync(join(directory, 'x'))
    const relative = directory.slice(server.path.length + 1)
    await using storage = await openOnServer(home, { directory: relative })
    await expect(storage.head('absent', { signal })).rejects.toThrow(letIn)
  })

  it('limits how long a server may take to let us in', async () => {
    server.suspend()
    try {
      const startedAtMs = performance.now()
      await expect(ask({ privateKeyFile: server.userKey.path, connectTimeoutMs: 300 })).rejects.toThrow('300 ms')
      expect(performance.now() - startedAtMs).toBeLessThan(10_000)
    } finally {
      server.resume()
    }
  })
})
