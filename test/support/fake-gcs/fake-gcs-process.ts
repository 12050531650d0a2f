import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { ApiFailure, Misuse } from './api-failure.ts'
import { Query, readBody, type ApiAnswer } from './api-request.ts'
import { BucketStore } from './bucket-store.ts'
import type { CommandMessage, Commands, ReadyMessage, ResultMessage } from './commands.ts'
import { serveApi } from './json-api.ts'
import { ResumableUploads } from './resumable-uploads.ts'
import { TokenServer } from './token-server.ts'

/** The fake as a process of its own, so that its memory and its sockets are not those of the tests. */
const store = new BucketStore()
const sessions = new ResumableUploads(store)
const tokens = new TokenServer()
const misuses: string[] = []

const commands: Commands = {
  createBucket: ({ name, settings }) => {
    store.create(name, settings)
  },
  inspect: ({ bucket, name }) => {
    const object = store.find(bucket, name)
    if (!object) return undefined
    const { contentType, storageClass, kmsKeyName, customerKey, bytes } = object
    return { size: bytes.length, contentType, storageClass, kmsKeyName, customerKey }
  },
  keyFile: (account) => tokens.keyFile(account, tokenOrigin),
  subjectToken: (account) => tokens.subjectToken(account),
  refreshToken: (account) => tokens.refreshToken(account),
  setMachineAccount: (account) => void (tokens.machineAccount = account),
  setTokenLifetime: (seconds) => void (tokens.lifetimeSeconds = seconds),
  withdrawTokens: () => {
    tokens.withdrawAll()
  },
  tokensGiven: () => tokens.given,
  misreportChecksum: (crc32c) => void (store.misreportedChecksum = crc32c),
  damageObject: ({ bucket, name }) => {
    store.damage(bucket, name)
  },
  damageUploads: (isOn) => void (store.damagesUploads = isOn),
  takeOfNextChunk: (bytes) => void (sessions.takesOfNextChunk = bytes),
  uploadsUnderWay: () => sessions.underWay,
  connections: () => open.size,
  misuses: () => misuses,
}

const open = new Set<unknown>()

async function serveStorage(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = '', headers } = incoming
  const scheme = 'encrypted' in incoming.socket ? 'https' : 'http'
  const origin = `${scheme}://${headers.host ?? ''}`
  const url = new URL(incoming.url ?? '', origin)
  const body = await readBody(incoming)
  try {
    const account = authenticate(headers.authorization)
    const request = { method, path: url.pathname, query: new Query(url.searchParams), headers, body, account }
    send(outgoing, serveApi({ store, sessions }, request, origin))
  } catch (error) {
    if (error instanceof Misuse) misuses.push(`${method} ${url.pathname}: ${error.message}`)
    const failure = error instanceof ApiFailure ? error : new ApiFailure(500, 'fakeFailed', String(error))
    if (failure !== error) misuses.push(`${method} ${url.pathname}: ${String(error)}`)
    const { status, headers: more } = failure
    send(outgoing, { status, headers: { 'content-type': 'application/json', ...more }, body: failure.document() })
  }
}

function authenticate(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  const account = tokens.accountOf(authorization.replace(/^Bearer /, ''))
  if (account === undefined) throw new ApiFailure(401, 'authError', 'Invalid Credentials')
  return account
}

async function serveTokens(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = '', headers } = incoming
  const url = new URL(incoming.url ?? '', `http://${headers.host ?? ''}`)
  send(outgoing, tokens.serve({ method, url, headers, body: (await readBody(incoming)).toString() }))
}

function send(outgoing: ServerResponse, { status, headers = {}, body = '' }: ApiAnswer): void {
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }
  outgoing.writeHead(status, { ...headers, ...length })
  outgoing.end(body)
}

async function listen(server: Server): Promise<string> {
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the fake does not listen')
  return `127.0.0.1:${address.port}`
}

/** A client that goes away in the middle of its request is none of the fake's business. */
function listener(serve: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>): RequestListener {
  return (incoming, outgoing) => void serve(incoming, outgoing).catch(() => incoming.socket.destroy())
}

const { FAKE_GCS_KEY: key, FAKE_GCS_CERT: cert } = process.env
const serve = listener(serveStorage)
const isSecure = key !== undefined && cert !== undefined
const storageHost = await listen(isSecure ? createSecureServer({ key, cert }, serve) : createServer(serve))
const tokenOrigin = `http://${await listen(createServer(listener(serveTokens)))}`

process.on('message', (message: CommandMessage) => {
  const { id, name, argument } = message
  const command = commands[name] as (given: unknown) => unknown
  let reply: ResultMessage
  try {
    reply = { id, result: command(argument) }
  } catch (error) {
    reply = { id, error: String(error) }
  }
  process.send?.(reply)
})
process.on('disconnect', () => process.exit())
process.send?.({ endpoint: `${isSecure ? 'https' : 'http'}://${storageHost}`, tokenOrigin } satisfies ReadyMessage)
