import { connect as connectSocket, type Socket } from 'node:net'
import { once } from 'node:events'
import type { HookContext, StorageError } from '@walr/core/plugin'
import { field, textField } from '@walr/plugin-kit/storage'
import {
  Client,
  type AnyAuthMethod,
  type ConnectConfig,
  type KeyboardInteractiveAuthMethod,
  type SFTPWrapper,
} from 'ssh2'
import type { Credentials } from './credentials.ts'
import { hostKeyAlgorithms, hostKeyFault, type HostKeyKnowledge } from './host-key-policy.ts'
import { loadHostKeyKnowledge } from './load-known-hosts.ts'
import type { SftpOptions } from './options.ts'
import { SftpSession } from './sftp-session.ts'

/** What opening a connection needs. */
export interface ConnectionSettings {
  readonly options: SftpOptions
  readonly credentials: Credentials
  readonly context: HookContext
}

/**
 * Opens a connection, checks the server's key, logs in, and starts SFTP. `signal` ends that at once.
 * @throws StorageError Permanent when the server's key is not to be trusted; errors of the system and of ssh2.
 */
export async function connect(settings: ConnectionSettings, signal: AbortSignal): Promise<SftpSession> {
  const { options, context } = settings
  const knowledge = await loadHostKeyKnowledge(options, context.baseDirectory)
  signal.throwIfAborted()
  const socket = connectSocket({ host: options.host, port: options.port, noDelay: true })
  const attempt = new AbortController()
  const giveUp = (reason: Error): void => {
    attempt.abort(reason)
    socket.destroy()
  }
  const onAbort = (): void => {
    giveUp(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
  }
  const timer = setTimeout(() => {
    const message = `the server has not let us in within ${options.connectTimeoutMs} ms`
    giveUp(Object.assign(new Error(message), { code: 'ETIMEDOUT' }))
  }, options.connectTimeoutMs)
  signal.addEventListener('abort', onAbort)
  try {
    return await logIn(socket, settings, knowledge)
  } catch (error) {
    socket.destroy()
    signal.throwIfAborted()
    throw attempt.signal.aborted ? attempt.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

async function logIn(
  socket: Socket,
  { options, credentials }: ConnectionSettings,
  knowledge: HostKeyKnowledge,
): Promise<SftpSession> {
  await once(socket, 'connect')
  const client = new Client()
  let refusal: StorageError | undefined
  const hostVerifier = (key: Buffer): boolean => {
    refusal = hostKeyFault(key, knowledge)
    return refusal === undefined
  }
  try {
    const ready = untilReady(client, credentials.agent)
    client.connect({ ...configuration(options, credentials, knowledge), sock: socket, hostVerifier })
    client.setNoDelay(true)
    await ready
    return new SftpSession({ socket, client, sftp: await startSftp(client) }, options.requestTimeoutMs)
  } catch (error) {
    throw refusal ?? error
  }
}

function configuration(options: SftpOptions, credentials: Credentials, knowledge: HostKeyKnowledge): ConnectConfig {
  return {
    username: credentials.username,
    authHandler: [...authMethods(credentials)],
    algorithms: { serverHostKey: [...hostKeyAlgorithms(knowledge)] },
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

function closedByServer(): Error {
  return Object.assign(new Error('the server closed the connection'), { code: 'ECONNRESET' })
}

function startSftp(client: Client): Promise<SFTPWrapper> {
  const { promise, resolve, reject } = Promise.withResolvers<SFTPWrapper>()
  client.on('close', () => {
    reject(closedByServer())
  })
  client.sftp((error, sftp) => {
    if (error) reject(error)
    else resolve(sftp)
  })
  return promise
}
