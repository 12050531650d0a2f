import { parentPort, workerData } from 'node:worker_threads'
import { nodeDisk } from '../../disk/node-disk.ts'
import { isSystemError } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { startWalServer, type WalServer } from '../../http/wal-server.ts'
import { loggerTo } from '../../telemetry/logger-to.ts'
import { sendError } from '../archive/archive-messages.ts'
import { giveWayToTheStream } from '../give-way-to-the-stream.ts'
import type { HttpReport, HttpRequest, HttpThreadSettings } from './http-messages.ts'
import type { HttpStatus } from './http-status.ts'
import { RecoverySupply } from './recovery-supply.ts'

/**
 * The thread of HTTP: reading, decoding and sending for recoveries elsewhere happens here, so that it cannot slow the stream
 * (law 7). `http-thread.ts` is its other end.
 */
const port = parentPort
if (port === null) throw new WalrError('WALR_INTERNAL', 'the HTTP thread was not started as a thread')
const { http, environment } = workerData as HttpThreadSettings
const report = (message: HttpReport): void => port.postMessage(message)

const logger = loggerTo((level, message, extra) => report({ type: 'log', level, message, extra }))

/** After this, what could not be opened is tried again, requests or not. */
const RETRY_MS = 5000

let address: string | undefined
let opened = false
let lastError: HttpStatus['lastError']
const supply = new RecoverySupply({ logger, environment, onOutcome: onOpened })

giveWayToTheStream()
const listening = start()
port.on('message', (request: HttpRequest) => {
  if (request.type === 'begin') {
    supply.begin(request.recovery)
    open()
  } else void end(request.graceMs)
})

/** Never rejects. */
async function start(): Promise<WalServer | undefined> {
  try {
    const server = await startWalServer({ settings: http, supply, disk: nodeDisk, logger })
    address = server.address
    logger.info(`serving WAL on ${address}`)
    reportStatus()
    return server
  } catch (error) {
    const inUse = error instanceof Error && isSystemError(error.cause, 'EADDRINUSE')
    report({ type: 'failed', error: sendError(error), inUse })
    return undefined
  }
}

/** A fault of the set-up is told before a recovery needs it. */
function open(): void {
  supply.open().catch(() => setTimeout(open, RETRY_MS).unref())
}

function onOpened(error: WalrError | undefined): void {
  opened = error === undefined
  if (error === undefined) lastError = undefined
  else {
    const { code, message, hint } = error
    if (lastError?.message !== message) logger.error(`WAL cannot be served: ${message}`, { code, hint })
    lastError = { code, message, at: new Date().toISOString() }
  }
  reportStatus()
}

function reportStatus(): void {
  const trouble = lastError === undefined ? 'waiting' : 'failed'
  const state = address === undefined ? 'starting' : opened ? 'serving' : trouble
  report({ type: 'status', status: { state, address, lastError } })
}

/** Without its port the thread has nothing left to wait for, and ends. */
async function end(graceMs: number): Promise<void> {
  const server = await listening
  await server?.stop(graceMs)
  await supply[Symbol.asyncDispose]()
  port?.close()
}
