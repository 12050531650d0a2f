import { Worker } from 'node:worker_threads'
import { WalrError } from '../../errors/walr-error.ts'
import { receiveError } from '../archive/archive-messages.ts'
import type {
  SegmentCheck,
  SegmentOutcome,
  VerifyReport,
  VerifyRequest,
  VerifyThreadSettings,
} from './verify-messages.ts'

interface Job {
  readonly check: SegmentCheck
  readonly resolve: (outcome: SegmentOutcome) => void
  readonly reject: (error: unknown) => void
}

interface Thread {
  readonly worker: Worker
  readonly jobs: Map<number, Job>
}

/** While one segment of a thread is fetched, another one is decoded. */
const AT_ONCE = 2
/** A thread that does not end by itself is ended. */
const END_MS = 2000

/** Threads that check segments, each with its own client of the storage. */
export class VerifyPool implements AsyncDisposable {
  readonly #settings: VerifyThreadSettings
  readonly #threads: Thread[] = []
  readonly #waiting: Job[] = []
  readonly #count: number
  #failure: WalrError | undefined
  #isEnding = false

  /** @param count how many threads. */
  constructor(settings: VerifyThreadSettings, count: number) {
    this.#settings = settings
    this.#count = count
  }

  /** So many checks keep all threads busy. */
  get capacity(): number {
    return this.#count * AT_ONCE * 2
  }

  /**
   * Checks a segment as soon as a thread has time.
   * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_KEY of the archive's plugins and keys; WALR_INTERNAL.
   */
  check(check: SegmentCheck): Promise<SegmentOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ check, resolve, reject })
      this.#next()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true
    await Promise.all(
      this.#threads.map(async ({ worker }) => {
        const ended = new Promise((resolve) => worker.once('exit', resolve))
        worker.postMessage({ type: 'end' } satisfies VerifyRequest)
        const kill = setTimeout(() => void worker.terminate(), END_MS)
        await ended
        clearTimeout(kill)
      }),
    )
  }

  #next(): void {
    if (this.#failure) {
      for (const job of this.#waiting.splice(0)) job.reject(this.#failure)
      return
    }
    while (this.#waiting.length > 0) {
      const idle = this.#threads.reduce<Thread | undefined>(
        (least, thread) => (thread.jobs.size < (least?.jobs.size ?? AT_ONCE) ? thread : least),
        undefined,
      )
      // A thread for each segment that waits, up to all of them; then a second segment for each.
      const mayStart = this.#threads.length < this.#count && (idle === undefined || idle.jobs.size > 0)
      const thread = mayStart ? this.#start() : idle
      const job = thread && this.#waiting.shift()
      if (!job) return
      thread.jobs.set(job.check.id, job)
      thread.worker.postMessage({ type: 'check', check: job.check } satisfies VerifyRequest)
    }
  }

  #start(): Thread {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./verify-worker.${extension}`, import.meta.url), {
      workerData: this.#settings,
      name: 'verify',
      execArgv: [],
    })
    const thread: Thread = { worker, jobs: new Map() }
    this.#threads.push(thread)
    worker.on('message', (message: VerifyReport) => this.#take(thread, message))
    worker.on('error', (cause: unknown) => {
      const why = cause instanceof Error ? `: ${cause.message}` : ''
      this.#fail(new WalrError('WALR_INTERNAL', `a thread of the verification has ended${why}`, { cause }))
    })
    worker.on('exit', () => {
      this.#threads.splice(this.#threads.indexOf(thread), 1)
      if (!this.#isEnding) this.#fail(new WalrError('WALR_INTERNAL', 'a thread of the verification has ended'))
    })
    return thread
  }

  #take({ jobs }: Thread, message: VerifyReport): void {
    switch (message.type) {
      case 'ready':
        return
      case 'failed':
        this.#fail(receiveError(message.error))
        return
      case 'checked':
        jobs.get(message.outcome.id)?.resolve(message.outcome)
        jobs.delete(message.outcome.id)
        break
      case 'broken':
        jobs.get(message.id)?.reject(receiveError(message.error))
        jobs.delete(message.id)
        break
    }
    this.#next()
  }

  #fail(error: WalrError): void {
    this.#failure ??= error
    for (const { jobs } of this.#threads) for (const job of jobs.values()) job.reject(this.#failure)
    this.#next()
  }
}
