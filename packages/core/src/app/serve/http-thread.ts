import { Worker } from 'node:worker_threads'
import { WalrError } from '../../errors/walr-error.ts'
import { unlessAborted } from '../../plugins/loader/unless-aborted.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { receiveError } from '../archive/archive-messages.ts'
import type { RecoverySettings } from '../recovery/recovery-settings.ts'
import type { HttpReport, HttpRequest, HttpThreadSettings } from './http-messages.ts'
import { INITIAL_HTTP_STATUS, type HttpStatus } from './http-status.ts'

export interface HttpThreadOptions {
  readonly logger: Logger
  readonly onStatus: () => void
  /** What failed, or died, is started again after this. */
  readonly restartMs?: number
}

const RESTART_MS = 5000
const START_MS = 10_000
const TERMINATE_MS = 2000

/**
 * HTTP as the receiving thread sees it. Whatever happens to it, receiving goes on, and it is started again; only an address
 * that another program uses, at the start, is left to the user.
 */
export class HttpThread {
  readonly #settings: HttpThreadSettings
  readonly #options: HttpThreadOptions
  #recovery: RecoverySettings | undefined
  #worker: Worker | undefined
  #ended: Promise<void> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined
  #stopping = false
  #toldOf: string | undefined
  #status: HttpStatus = INITIAL_HTTP_STATUS

  constructor(settings: HttpThreadSettings, options: HttpThreadOptions) {
    this.#settings = settings
    this.#options = options
  }

  get status(): HttpStatus {
    return this.#status
  }

  /**
   * Starts the thread and waits until it listens, or has failed to; not for long: a file system may not answer.
   * @throws WalrError WALR_HTTP_LISTEN when the address is in use; the reason of `signal`.
   */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    let late: NodeJS.Timeout | undefined
    const settled = new Promise<void>((resolve, reject) => {
      this.#spawn(resolve, reject)
      late = setTimeout(() => {
        this.#options.logger.warning('http: nothing listens yet; receiving begins without it')
        resolve()
      }, START_MS)
    })
    try {
      await unlessAborted(settled, signal)
    } finally {
      clearTimeout(late)
    }
  }

  /** This is whose WAL the directory holds: it may be served. */
  begin(recovery: RecoverySettings): void {
    this.#recovery = recovery
    this.#send({ type: 'begin', recovery })
  }

  /** Running downloads end, for at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    this.#send({ type: 'stop', graceMs })
    const kill = setTimeout(() => void this.#worker?.terminate(), graceMs + TERMINATE_MS)
    let giveUp: NodeJS.Timeout | undefined
    const givenUp = new Promise<void>((resolve) => {
      giveUp = setTimeout(resolve, graceMs + 2 * TERMINATE_MS)
    }).then(() => this.#abandon())
    await Promise.race([this.#ended, givenUp])
    clearTimeout(kill)
    clearTimeout(giveUp)
    this.#change({ ...this.#status, state: 'stopped', address: undefined })
  }

  /** The thread waits for the system, without end: Node would wait for the thread. */
  #abandon(): void {
    if (!this.#worker) return
    this.#options.logger.error('the HTTP thread cannot be ended; walr ends without it', { code: 'WALR_HTTP_LISTEN' })
    this.#worker.unref()
    process.once('exit', () => process.kill(process.pid, 'SIGKILL'))
  }

  #send(request: HttpRequest): void {
    this.#worker?.postMessage(request)
  }

  /** @param onFailed only for what the user has to change before walr can start. */
  #spawn(onSettled: () => void, onFailed: (error: WalrError) => void): void {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./http-worker.${extension}`, import.meta.url), {
      workerData: this.#settings,
      name: 'http',
      // As in the archive's thread: collections of the young free the buffers.
      resourceLimits: { maxYoungGenerationSizeMb: 3 },
      execArgv: [],
    })
    this.#worker = worker
    let failure: WalrError | undefined
    worker.on('message', (message: HttpReport) => {
      switch (message.type) {
        case 'status':
          this.#take(message.status)
          if (message.status.address !== undefined) onSettled()
          return
        case 'log':
          this.#options.logger[message.level](message.message, message.extra)
          return
        case 'failed':
          failure = receiveError(message.error)
          if (message.inUse) onFailed(failure)
          void worker.terminate()
          return
      }
    })
    worker.on('error', (cause: unknown) => {
      const why = cause instanceof Error ? `: ${cause.message}` : ''
      failure = new WalrError('WALR_INTERNAL', `the HTTP thread has ended${why}`, {
        hint: 'WAL is still being received and made durable. Please report this.',
        cause,
      })
    })
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#worker = undefined
        this.#lost(failure ?? new WalrError('WALR_INTERNAL', 'the HTTP thread has ended'))
        onSettled()
        resolve()
      })
    })
    if (this.#recovery) this.begin(this.#recovery)
  }

  #take(status: HttpStatus): void {
    if (status.state === 'serving' && this.#toldOf !== undefined) {
      this.#options.logger.notice(`WAL is served again on ${status.address ?? ''}`)
      this.#toldOf = undefined
    }
    this.#change(status)
  }

  #change(status: HttpStatus): void {
    this.#status = status
    this.#options.onStatus()
  }

  /** The thread is gone; unless walr is stopping there has to be another one. */
  #lost({ code, message, hint }: WalrError): void {
    if (this.#stopping) return
    this.#change({ state: 'failed', address: undefined, lastError: { code, message, at: new Date().toISOString() } })
    if (this.#toldOf !== message) {
      this.#options.logger.error(`WAL is not served: ${message}; trying again`, { code, hint })
      this.#toldOf = message
    }
    const again = (): void => this.#spawn(ignore, ignore)
    this.#restart = setTimeout(again, this.#options.restartMs ?? RESTART_MS)
  }
}

function ignore(): void {
  // It is in the status and the log.
}
