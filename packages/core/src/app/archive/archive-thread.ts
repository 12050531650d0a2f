import { Worker } from 'node:worker_threads'
import type { ServerLine } from '../../archive/archive-end.ts'
import { INITIAL_ARCHIVE_STATUS, type ArchiveStatus } from '../../archive/archive-status.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { unlessAborted } from '../../plugins/loader/unless-aborted.ts'
import type { DirectoryIdentity } from '../../wal/directory-identity.ts'
import {
  receiveError,
  type FoundEnd,
  type ArchiveReport,
  type ArchiveRequest,
  type ArchiveThreadSettings,
} from './archive-messages.ts'

export interface ArchiveThreadOptions {
  readonly logger: Logger
  readonly onStatus: (status: ArchiveStatus) => void
  /** A thread that died is started again after this. */
  readonly restartMs?: number
}

interface Question {
  readonly resolve: (end: FoundEnd | undefined) => void
  readonly reject: (error: unknown) => void
}

const RESTART_MS = 5000
const ABORT_MS = 2000
const TERMINATE_MS = 2000

/**
 * The archive as the receiving thread sees it. The work is done in a thread of its own; should that die, receiving goes on
 * and the thread is started again: the directory is the queue, so nothing is lost with it.
 */
export class ArchiveThread {
  readonly #settings: ArchiveThreadSettings
  readonly #options: ArchiveThreadOptions
  readonly #questions = new Map<number, Question>()
  #worker: Worker | undefined
  #identity: DirectoryIdentity | undefined
  #isGuardLost = false
  #nextId = 1
  /** Whether plugins and keys were good once: then there has to be a thread until the end. */
  #wasReady = false
  #stopping = false
  #restart: NodeJS.Timeout | undefined
  #ended: Promise<void> = Promise.resolve()
  #status: ArchiveStatus = INITIAL_ARCHIVE_STATUS

  constructor(settings: ArchiveThreadSettings, options: ArchiveThreadOptions) {
    this.#settings = settings
    this.#options = options
  }

  get status(): ArchiveStatus {
    return this.#status
  }

  /**
   * Starts the thread and waits until plugins and keys are known to be good. A storage that does not open is not waited for.
   * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_KEY; the reason of `signal`.
   */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await unlessAborted(new Promise<void>((resolve, reject) => this.#spawn(resolve, reject)), signal)
  }

  /** Archiving begins: this is whose WAL the directory holds. */
  begin(identity: DirectoryIdentity): void {
    this.#identity = identity
    this.#send({ type: 'begin', identity })
  }

  /** A segment, history or gap record was finished. */
  hint(): void {
    this.#send({ type: 'hint' })
  }

  /** Whether the server keeps nothing any more for the guard slot: as long as that is so gaps are recorded. */
  setGuardLost(isLost: boolean): void {
    if (this.#isGuardLost === isLost) return
    this.#isGuardLost = isLost
    this.#send({ type: 'guard', isLost })
  }

  /**
   * Asks where the archive ends on the server's way.
   * @returns undefined when it has no WAL of this cluster.
   * @throws WalrError WALR_ARCHIVE_UNAVAILABLE and others; the reason of `signal`.
   */
  async findEnd(server: ServerLine, identity: DirectoryIdentity, signal: AbortSignal): Promise<FoundEnd | undefined> {
    signal.throwIfAborted()
    if (!this.#worker) throw new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'the archive thread is being started again')
    const id = this.#nextId++
    const onAbort = (): void => this.#questions.get(id)?.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        this.#questions.set(id, { resolve, reject })
        this.#send({ type: 'find-end', id, server, identity })
      })
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#questions.delete(id)
    }
  }

  /**
   * Archives what is there, for at most `drainMs`, and ends the thread. What was not archived is archived by the next run.
   * A thread that cannot be ended is left alone; the process then ends with SIGKILL.
   */
  async stop(drainMs: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#restart)
    this.#send({ type: 'drain' })
    const abort = setTimeout(() => this.#send({ type: 'abort' }), drainMs)
    const kill = setTimeout(() => void this.#worker?.terminate(), drainMs + ABORT_MS)
    let giveUp: NodeJS.Timeout | undefined
    const givenUp = new Promise<void>((resolve) => {
      giveUp = setTimeout(resolve, drainMs + ABORT_MS + TERMINATE_MS)
    }).then(() => this.#abandon())
    await Promise.race([this.#ended, givenUp])
    clearTimeout(abort)
    clearTimeout(kill)
    clearTimeout(giveUp)
  }

  /** The thread waits for the system, without end: Node would wait for the thread. */
  #abandon(): void {
    if (!this.#worker) return
    this.#options.logger.error('the archive thread cannot be ended; walr ends without it', {
      code: 'WALR_ARCHIVE_UNAVAILABLE',
      detail: 'It waits for the operating system: perhaps for a file system that does not answer.',
    })
    this.#worker.unref()
    process.once('exit', () => process.kill(process.pid, 'SIGKILL'))
  }

  #send(request: ArchiveRequest): void {
    this.#worker?.postMessage(request)
  }

  #spawn(onReady: () => void, onFailed: (error: WalrError) => void): void {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./archive-worker.${extension}`, import.meta.url), {
      workerData: this.#settings,
      name: 'archive',
      // Buffers outside the heap die young here, but only a collection of the young frees them: a small one comes often.
      resourceLimits: { maxYoungGenerationSizeMb: 3 },
      execArgv: [],
    })
    this.#worker = worker
    let died: unknown
    worker.on('message', (message: ArchiveReport) => {
      if (message.type === 'ready') {
        this.#wasReady = true
        onReady()
      } else if (message.type === 'failed') {
        onFailed(receiveError(message.error))
        void worker.terminate()
      } else this.#take(message)
    })
    worker.on('error', (error: unknown) => {
      died = error
    })
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#worker = undefined
        this.#lost(died, onFailed)
        resolve()
      })
    })
    this.#send({ type: 'guard', isLost: this.#isGuardLost })
    if (this.#identity) this.begin(this.#identity)
  }

  #take(message: ArchiveReport): void {
    switch (message.type) {
      case 'status':
        this.#status = message.status
        this.#options.onStatus(message.status)
        return
      case 'log':
        this.#options.logger[message.level](message.message, message.extra)
        return
      case 'end':
        this.#questions.get(message.id)?.resolve(message.end)
        return
      case 'end-failed':
        this.#questions.get(message.id)?.reject(receiveError(message.error))
        return
      case 'ready':
      case 'failed':
        return
    }
  }

  /** The thread is gone. Nobody may wait for it, and unless walr is stopping there has to be another one. */
  #lost(cause: unknown, onFailed: (error: WalrError) => void): void {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    const error = new WalrError('WALR_INTERNAL', `the archive thread has ended${why}`, { cause })
    // Receiving goes on without an answer: for it, this is an outage.
    const unanswered = new WalrError('WALR_ARCHIVE_UNAVAILABLE', error.message, { cause: error })
    for (const question of this.#questions.values()) question.reject(unanswered)
    // Before the thread was ready this is the answer to start(); later a settled promise does not care.
    onFailed(error)
    if (this.#stopping || !this.#wasReady) return
    const at = new Date().toISOString()
    const lastError = { code: error.code, message: error.message, at, attempts: 1 }
    this.#status = { ...this.#status, state: 'outage', lastError }
    this.#options.onStatus(this.#status)
    this.#options.logger.error(`${error.message}; starting it again`, {
      code: error.code,
      hint: 'WAL is still being received and made durable. Please report this.',
    })
    this.#restart = setTimeout(() => {
      this.#spawn(
        () => this.#options.logger.notice('the archive thread is running again'),
        (failure) => this.#options.logger.error(failure.message, { code: failure.code, hint: failure.hint }),
      )
    }, this.#options.restartMs ?? RESTART_MS)
  }
}
