import { connect as connectSocket, type Socket } from 'node:net'
import { once } from 'node:events'
import type { HookContext } from '@walr/core/plugin'
import { field, textField } from '@walr/plugin-kit/storage'
import {
  Client,
  type AnyAuthMethod,
  type ConnectConfig,
  type KeyboardInteractiveAuthMethod,
  type ServerHostKeyAlgorithm,
} from 'ssh2'
import type { Credentials } from './credentials.ts'
import type { SftpOptions } from './options.ts'
import { SftpSession } from './sftp-session.ts'
import { closedByServer, startSftp } from './start-sftp.ts'

/** What opening a connection needs. */
export interface ConnectionSettings {
  readonly options: SftpOptions
  readonly credentials: Credentials
  readonly context: HookContext
  /** What is remembered from one connection to the next. */
  readonly memory?: HostKeyMemory
}

/** The type of the server's key that was trusted last: it is asked for first. */
export interface HostKeyMemory {
  trustedType: string | undefined
}

/** How the key of a server is dealt with. */
export interface HostKeyCheck {
  /** What the server may sign with, best first. */
  readonly algorithms: readonly ServerHostKeyAlgorithm[]
  /** @returns whether to go on. @param blob the key as on the wire. */
  readonly isTrusted: (blob: Buffer) => boolean
}

/**
 * Opens a connection, has the server's key checked, logs in, and starts SFTP. `signal` ends that at once.
 * @throws errors of the system and of ssh2; StorageError Permanent when the account has no SFTP.
 */
export async function connectOnce(
  settings: ConnectionSettings,
  hostKey: HostKeyCheck,
  signal: AbortSignal,
): Promise<SftpSession> {
  signal.throwIfAborted()
  const { host, port } = settings.options
  const socket = connectSocket({ host, port, noDelay: true })
  const onAbort = (): void => void socket.destroy()
  signal.addEventListener('abort', onAbort)
  try {
    return await logIn(socket, settings, hostKey)
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

async function logIn(
  socket: Socket,
  { options, credentials }: ConnectionSettings,
  { algorithms, isTrusted }: HostKeyCheck,
): Promise<SftpSession> {
  await once(socket, 'connect')
  const client = new Client()
  const ready = untilReady(client, credentials.agent)
  const configured = configuration(options, credentials, algorithms)
  client.connect({ ...configured, sock: socket, hostVerifier: isTrusted })
  client.setNoDelay(true)
  await ready
  return new SftpSession({ socket, client, sftp: await startSftp(client) }, options.requestTimeoutMs)
}

function configuration(
  options: SftpOptions,
  credentials: Credentials,
  algorithms: readonly ServerHostKeyAlgorithm[],
): ConnectConfig {
  return {
    username: credentials.username,
    authHandler: [...authMethods(credentials)],
    algorithms: { serverHostKey: [...algorithms] },
    keepaliveInterval: options.keepaliveIntervalMs,
    keepaliveCountMax: 3,
    readyTimeout: 0, // there is a limit for all of it
  }
}

/** In the order in which they are tried. */
function authMethods({ username, password, privateKey, agent }: Credentials): readonly AnyAuthMethod[] {
  const methods: AnyAuthMethod[] = [{ type: 'none', username }]
  if (privateKey) methods.push({ type: 'publickey', username, key: privateKey })
  if (agent !== undefined) methods.push({ type: 'agent', username, agent })
  if (password === undefined) return methods
  const prompt: KeyboardInteractiveAuthMethod['prompt'] = (_name, _instructions, _language, questions, finish) => {
    finish(questions.map(({ echo }) => (echo === true ? '' : password)))
  }
  methods.push({ type: 'password', username, password }, { type: 'keyboard-interactive', username, prompt })
  return methods
}

/** Resolves when the server has let us in. */
async function untilReady(client: Client, agent: string | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let agentFault = ''
  client.on('ready', resolve)
  client.on('error', (error: Error) => {
    // the other methods are tried all the same
    if (textField(error, 'level') === 'agent')
      agentFault = ` (and the agent at ${agent ?? ''} failed: ${error.message})`
    else reject(withReason(error, agentFault))
  })
  client.on('close', () => {
    reject(closedByServer())
  })
  await promise
}

/** ssh2 says nothing about errors that come from bytes which are not SSH, or not any more. */
function withReason(error: Error, agentFault: string): Error {
  const isTold = textField(error, 'level') !== '' || field(error, 'code') !== undefined
  return Object.assign(error, { message: `${error.message}${agentFault}` }, isTold ? {} : { level: 'protocol' })
}
