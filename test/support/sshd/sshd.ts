import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { childrenOf } from '../process-table.ts'
import { mustRun } from '../run-program.ts'
import { makeScratch, type Scratch } from '../scratch.ts'
import { spawnTracked } from '../tracked-process.ts'
import { asUser, type SystemUser } from '../unprivileged-user.ts'
import { waitFor } from '../wait-for.ts'

const SSHD = '/usr/sbin/sshd'
/** `daemon`, which every Debian has. Not `nobody`: to other users than root systemd says that its account is locked. */
const DAEMON: SystemUser = { uid: 1, gid: 1 }
const runsAs: SystemUser | undefined = process.getuid?.() === 0 ? DAEMON : undefined

/** How {@link startSshd} starts it. */
export interface SshdOptions {
  /** Lines of sshd_config beside those that are always there. */
  readonly config?: readonly string[]
  /** Public keys that it lets in beside {@link Sshd.userKey}. */
  readonly authorizedKeys?: readonly string[]
  /** Arguments of the SFTP server, such as `-R` for read-only. */
  readonly sftpServerArguments?: string
}

/** A pair of keys. */
export interface KeyFiles {
  /** The private key's file; that of the public one ends in `.pub`. */
  readonly path: string
  /** The public key, as `ssh-ed25519 AAAA...`. */
  readonly publicKey: string
  /** `SHA256:...` */
  readonly fingerprint: string
}

/** A real SSH server: OpenSSH of Debian, as an unprivileged user, on a free port of 127.0.0.1. */
export class Sshd implements AsyncDisposable {
  readonly port: number
  /** Who logs in; the user that it runs as. */
  readonly username: string
  readonly hostKey: KeyFiles
  /** A key that it lets in. */
  readonly userKey: KeyFiles
  /** A folder that its user owns; everything below goes when it is disposed of. */
  readonly path: string
  readonly #scratch: Scratch
  readonly #config: string
  #process: ChildProcess | undefined
  #folders = 0

  /** Use {@link startSshd}. */
  constructor(
    parts: Pick<Sshd, 'port' | 'hostKey' | 'userKey' | 'username'>,
    { scratch, config }: { readonly scratch: Scratch; readonly config: string },
  ) {
    this.port = parts.port
    this.username = parts.username
    this.hostKey = parts.hostKey
    this.userKey = parts.userKey
    this.path = scratch.path
    this.#scratch = scratch
    this.#config = config
  }

  /** The options of the plugin for it, without a directory. */
  get options() {
    return {
      host: '127.0.0.1',
      port: this.port,
      username: this.username,
      privateKeyFile: this.userKey.path,
      hostKey: this.hostKey.fingerprint,
    }
  }

  /** A new folder that its user owns. */
  makeFolder(): string {
    const path = join(this.path, `folder-${++this.#folders}`)
    mkdirSync(path)
    own(path)
    return path
  }

  /** Process ids of the connections that are there. */
  sessions(): readonly number[] {
    return this.#process?.pid === undefined ? [] : childrenOf(this.#process.pid)
  }

  /** Sends a signal to the process of every connection, and to what that has started. */
  signalSessions(signal: NodeJS.Signals): void {
    for (const pid of this.sessions()) {
      for (const each of [...childrenOf(pid), pid]) signalIfThere(each, signal)
    }
  }

  /** It takes no connections, and answers to none, until {@link resume}. */
  suspend(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  async start(): Promise<void> {
    const child = spawnTracked(SSHD, ['-D', '-e', '-f', this.#config], {
      ...asUser(runsAs),
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = child
    let log = ''
    child.stderr?.on('data', (text: Buffer) => (log = `${log}${text.toString()}`.slice(-4000)))
    await waitFor('sshd answers', () => {
      if (child.exitCode !== null) throw new Error(`sshd has ended:\n${log}`)
      return answers(this.port)
    })
  }

  /** Ends it, and the connections; idempotent. */
  async stop(): Promise<void> {
    const child = this.#process
    if (!child) return
    this.signalSessions('SIGKILL')
    this.#process = undefined
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.#scratch.remove()
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** Starts it, in a fraction of a second. Keys are made for it; passwords need its user's account, and do not work. */
export async function startSshd({
  config = [],
  authorizedKeys = [],
  sftpServerArguments = '',
}: SshdOptions = {}): Promise<Sshd> {
  if (!existsSync(SSHD)) throw new Error(`${SSHD} is missing: install Debian's package openssh-server`)
  const scratch = makeScratch('sshd')
  own(scratch.path)
  const port = await freePort()
  const hostKey = await makeKey(join(scratch.path, 'host-key'))
  const userKey = await makeKey(join(scratch.path, 'user-key'))
  own(hostKey.path)
  const authorized = write(scratch, 'authorized_keys', `${[userKey.publicKey, ...authorizedKeys].join('\n')}\n`)
  const file = write(
    scratch,
    'sshd_config',
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${hostKey.path}`,
      `AuthorizedKeysFile ${authorized}`,
      `PidFile ${join(scratch.path, 'sshd.pid')}`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'MaxStartups 100',
      `Subsystem sftp internal-sftp ${sftpServerArguments}`,
      ...config,
      '',
    ].join('\n'),
  )
  const sshd = new Sshd({ port, hostKey, userKey, username: await userName() }, { scratch, config: file })
  try {
    await sshd.start()
    return sshd
  } catch (error) {
    await sshd[Symbol.asyncDispose]()
    throw error
  }
}

/** Makes a pair of keys. */
export async function makeKey(path: string, args: readonly string[] = ['-t', 'ed25519', '-N', '']): Promise<KeyFiles> {
  await mustRun('ssh-keygen', ['-q', '-C', 'walr-test', '-f', path, ...args])
  const told = await mustRun('ssh-keygen', ['-l', '-f', `${path}.pub`])
  const publicKey = readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ')
  return { path, publicKey, fingerprint: told.split(' ')[1] ?? '' }
}

async function userName(): Promise<string> {
  return (await mustRun('id', ['-un'], { ...asUser(runsAs) })).trim()
}

function write(scratch: Scratch, name: string, content: string): string {
  const path = join(scratch.path, name)
  writeFileSync(path, content, { mode: 0o600 })
  own(path)
  return path
}

function own(path: string): void {
  if (runsAs) chownSync(path, runsAs.uid, runsAs.gid)
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    const [greeting] = (await once(socket, 'data')) as [Buffer]
    return greeting.toString().startsWith('SSH-2.0-')
  } finally {
    socket.destroy()
  }
}
