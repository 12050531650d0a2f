import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import { isLocalAddress, parseListenAddress, type ListenAddress } from '../config/listen-address.ts'
import type { Disk } from '../disk/disk.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { checkTlsFiles } from './check-tls-files.ts'
import { answerClientError } from './client-error.ts'
import { ConnectionShare } from './connection-share.ts'
import { Connections } from './connections.ts'
import { DamagedCopies } from './damaged-copies.ts'
import { DownloadSlots } from './download-slots.ts'
import { AccessControl } from './http-access.ts'
import { badRequest, sendProblem, unknownNow, wrongMethod, type HttpProblem } from './http-problem.ts'
import type { HttpSettings } from './http-settings.ts'
import { listen } from './listen.ts'
import { logWhenEnded } from './request-log.ts'
import { parseWalTarget } from './request-target.ts'
import { SeldomLog } from './seldom-log.ts'
import { orBadCertificate, readTlsFiles, secureOptions, type TlsFiles } from './tls-files.ts'
import { renewCertificates } from './renew-certificates.ts'
import { WalAnswer, type WalAnswerOptions } from './wal-answer.ts'
import type { WalSupply } from './wal-supply.ts'

export interface WalServerOptions {
  readonly settings: HttpSettings
  readonly supply: WalSupply
  readonly disk: Disk
  readonly logger: Logger
  /** Tests shorten these. */
  readonly lookupMs?: number
  readonly idleMs?: number
  readonly renewalMs?: number
  /** Beside those that download: those that wait, ask for the health, or do nothing. */
  readonly spareConnections?: number
}

/** A server that listens. */
export interface WalServer {
  /** `http://127.0.0.1:7070`, with the port that was chosen; `unix:/run/walr.sock`. */
  readonly address: string
  /** Stops listening; running answers may go on for `graceMs`. */
  stop(graceMs: number): Promise<void>
}

/** Below what a client of walr's waits in silence. */
const LOOKUP_MS = 25_000
const IDLE_MS = 30_000
const MAX_HEADER_BYTES = 8192
const SPARE_CONNECTIONS = 256

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs neither token nor certificate. */
    isOpen?: boolean
  }
}

const limits: ServerOptions = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5000,
}

/**
 * Serves WAL over HTTP: `GET` and `HEAD` of `/v1/wal/NAME`, which is also at pgrwl's `/api/v1/wal/NAME`, and `/healthz`.
 * @throws WalrError WALR_HTTP_LISTEN
 */
export async function startWalServer(options: WalServerOptions): Promise<WalServer> {
  const { settings, disk, logger } = options
  const address = parseListenAddress(settings.listen)
  if (address === undefined) throw new WalrError('WALR_HTTP_LISTEN', `"${settings.listen}" is no address to listen on`)
  const tls = await readTlsFiles(disk, settings)
  warnOfOpenDoors(settings, address, logger)
  if (tls) checkTlsFiles(tls, options)
  const server = orBadCertificate(settings, () => makeServer(tls))
  const connections = new Connections(server)
  const app = makeApp(server, connections, options)
  await app.ready()
  const text = await listen({ server, address, scheme: tls ? 'https' : 'http', disk })
  server.on('error', (error) => logger.error(`http: ${error.message}`, { code: 'WALR_HTTP_LISTEN' }))
  const renewal = tls && 'setSecureContext' in server ? renewCertificates(server, tls, options) : undefined
  return {
    address: text,
    stop: async (graceMs) => {
      clearInterval(renewal)
      await connections.close(graceMs)
      await app.close()
    },
  }
}

function warnOfOpenDoors(settings: HttpSettings, address: ListenAddress, logger: Logger): void {
  if (isLocalAddress(address) || settings.certFile !== undefined) return
  logger.warning(`http: WAL and token go over the network in the clear, since "${settings.listen}" has no TLS`, {
    hint: 'Give it "certFile" and "keyFile", or listen on 127.0.0.1 behind something that has them.',
  })
}

function makeServer(tls: TlsFiles | undefined): Server | SecureServer {
  return tls === undefined ? createServer(limits) : createSecureServer({ ...limits, ...secureOptions(tls) })
}

function makeApp(server: Server, connections: Connections, options: WalServerOptions): FastifyInstance {
  const { settings, supply, logger } = options
  const share = limitConnections(server, options)
  const access = new AccessControl({ token: settings.token, clientCertificates: settings.clientCaFile !== undefined })
  const slots = new DownloadSlots(settings.maxDownloads)
  const shared: WalAnswerOptions = {
    supply,
    logger,
    seldom: new SeldomLog(logger),
    damaged: new DamagedCopies(),
    lookupMs: options.lookupMs ?? LOOKUP_MS,
    idleMs: options.idleMs ?? IDLE_MS,
  }
  const app = fastify({
    // Its limits are in place already.
    serverFactory: (handler) => server.on('request', handler),
    exposeHeadRoutes: false,
    forceCloseConnections: false,
    clientErrorHandler: (error, socket) => answerClientError(error, socket),
    frameworkErrors: (_error, { raw: request }, reply) => {
      connections.count(request, reply.raw)
      logWhenEnded(request, reply.raw, logger)
      reply.hijack()
      reply.raw.setHeader('connection', 'close')
      sendProblem(request, reply.raw, access.refusal(request) ?? methodProblem(request) ?? nothingThere)
    },
  })
  // Before anything of a body is read, and also for what has no route.
  app.addHook('onRequest', (request, reply, done) => {
    connections.count(request.raw, reply.raw)
    logWhenEnded(request.raw, reply.raw, logger)
    const isOpen = request.routeOptions.config.isOpen === true
    const refusal = isOpen ? undefined : access.refusal(request.raw)
    const problem = refusal ?? methodProblem(request.raw)
    // Whoever may not have WAL cannot keep its connection from those who may.
    if (refusal !== undefined || (isOpen && share.isCrowded)) reply.raw.setHeader('connection', 'close')
    if (problem) {
      reply.hijack()
      sendProblem(request.raw, reply.raw, problem)
    }
    done()
  })
  const method = ['GET', 'HEAD']
  app.route({ method, url: '/healthz', config: { isOpen: true }, handler: (_request, reply) => health(reply) })
  for (const url of ['/v1/wal/*', '/api/v1/wal/*']) {
    app.route({
      method,
      url,
      handler: async (request, reply) => {
        reply.hijack()
        await answerWal(request.raw, reply.raw, slots, shared)
      },
    })
  }
  app.setNotFoundHandler((request, reply) => {
    reply.hijack()
    sendProblem(request.raw, reply.raw, nothingThere)
  })
  return app
}

/** Drops what is too many, and says so, but seldom. */
function limitConnections(server: Server, { settings, logger, spareConnections }: WalServerOptions): ConnectionShare {
  const maximum = settings.maxDownloads + (spareConnections ?? SPARE_CONNECTIONS)
  const share = new ConnectionShare(maximum)
  const seldom = new SeldomLog(logger)
  const tell = (message: string, address: string | undefined): void => {
    const detail = address === undefined ? undefined : `The last one was of ${address}.`
    seldom.warning(new WalrError('WALR_SERVE_UNAVAILABLE', message, { detail }))
  }
  server.maxConnections = maximum
  server.on('connection', (socket) => {
    const give = share.take(socket.remoteAddress)
    if (give !== undefined) {
      socket.once('close', give)
      return
    }
    tell('http: connections are dropped: one address has more than its share', socket.remoteAddress)
    socket.destroy()
  })
  server.on('drop', (dropped?: { readonly remoteAddress?: string }) => {
    tell(`http: connections are dropped: there are ${maximum} already`, dropped?.remoteAddress)
  })
  return share
}

/** The target is read as it stood in the request: what the router has decoded is not looked at. */
async function answerWal(
  request: IncomingMessage,
  response: ServerResponse,
  slots: DownloadSlots,
  shared: WalAnswerOptions,
): Promise<void> {
  const target = parseWalTarget(request.url ?? '')
  if ('message' in target) {
    sendProblem(request, response, badRequest(target.message))
    return
  }
  const release = slots.take()
  if (release === undefined) {
    const text = `as many requests as may be are being answered already: ${slots.maximum}`
    sendProblem(request, response, unknownNow('WALR_SERVE_UNAVAILABLE', text, 'See "http.maxDownloads" there.'))
    return
  }
  try {
    await new WalAnswer(request, response, target, shared).give()
  } finally {
    release()
  }
}

/** Not a 404: that says of a file of WAL that it is certainly not here, and of nothing else anything (law 2). */
const nothingThere = badRequest('there is nothing at this address; WAL is at /v1/wal/NAME')

function methodProblem({ method }: IncomingMessage): HttpProblem | undefined {
  return method === 'GET' || method === 'HEAD' ? undefined : wrongMethod
}

function health(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').send({ status: 'ok' })
}
