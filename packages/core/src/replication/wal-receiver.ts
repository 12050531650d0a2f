import { isSystemError } from '../errors/system-error.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { Backoff } from './backoff.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'
import { ReceiveSession, type SessionEnd, type SessionOptions } from './receive-session.ts'

export interface WalReceiverOptions extends Omit<SessionOptions, 'onStreaming'> {
  /** Makes a connection; `signal` ends it at once. */
  readonly connect: (signal: AbortSignal) => Promise<ReplicationConnection>
  /** False with `--no-loop`. */
  readonly loop: boolean
  /** Reports an error to the user; also those after which walr tries again. */
  readonly report: (error: unknown) => void
  readonly logger: Logger
  /** First and longest time between attempts. */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number }
}

/** Errors after which trying again would do harm or cannot help. */
const FATAL = ['WALR_FSYNC_FAILED', 'WALR_SEGMENT_CONFLICT', 'WALR_CONNECTION_SETTING', 'WALR_INTERNAL'] as const
/** Errors that are fatal as long as no stream has been up: the set-up is wrong. Later they may pass. */
const FATAL_AT_FIRST = [
  'WALR_AUTHENTICATION_FAILED',
  'WALR_TLS_FAILED',
  'WALR_UNSUPPORTED_SERVER',
  'WALR_WRONG_CLUSTER',
  'WALR_WRONG_SEGMENT_SIZE',
  'WALR_DIRECTORY',
] as const
/** Errors that mean missing WAL: the server says so, or the slot that was to keep it does not any more. */
const GAPS = ['WALR_WAL_GAP', 'WALR_SLOT_INVALID'] as const
/** A stream that was up for so long is no failed attempt. */
const HEALTHY_MS = 10_000

/** A server that does not answer the commands before the stream is given up after this. */
const SETUP_TIMEOUT_MS = 60_000
/** A stream that does not end in good order is cut off this long after the wish to stop. */
const STOP_TIMEOUT_MS = 15_000

/** Keeps a receiver running: connects, streams, and connects again when the stream is lost. */
export class WalReceiver {
  readonly #options: WalReceiverOptions
  readonly #backoff: Backoff
  #everStreamed = false
  #streamingSinceMs: number | undefined
  #missingWal = false

  constructor(options: WalReceiverOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.backoff ?? { firstMs: 500, maxMs: 5000 })
  }

  /** Whether the server no longer has the WAL that is needed next, as far as is known. */
  get missingWal(): boolean {
    return this.#missingWal
  }

  /**
   * Receives until the end position or `stop`.
   * @throws WalrError: what is fatal, or with `--no-loop` whatever ended the stream.
   */
  async run(): Promise<SessionEnd> {
    const { state, stop, logger, loop } = this.#options
    for (;;) {
      try {
        stop.throwIfAborted()
        const end = await this.#session()
        state.set('stopped', end)
        return end
      } catch (error) {
        if (stop.aborted && isAbort(error, stop)) return this.#interrupted()
        if (this.#isFatal(error)) throw error
        this.#options.report(error)
        const gap = isWalrError(error, ...GAPS)
        // Stays true when the server cannot be reached after that: the gap is still there.
        if (gap) this.#missingWal = true
        state.set(gap ? 'gap' : 'waiting', error instanceof Error ? error.message : String(error))
        if (stop.aborted) return this.#interrupted()
        if (!loop) throw gap ? error : new Disconnected(error)
      }
      if (this.#streamingSinceMs !== undefined && performance.now() - this.#streamingSinceMs > HEALTHY_MS) {
        this.#backoff.reset()
      }
      const waitMs = this.#backoff.nextMs()
      logger.notice(`disconnected; waiting ${(waitMs / 1000).toFixed(1)} seconds to try again`)
      await this.#backoff.wait(waitMs, stop).catch(() => undefined)
    }
  }

  async #session(): Promise<SessionEnd> {
    const { stop } = this.#options
    this.#streamingSinceMs = undefined
    const ending = new AbortController()
    const connection = await this.#connect(ending)
    const giveUp = setTimeout(() => ending.abort(noAnswer()), SETUP_TIMEOUT_MS)
    let streaming = false
    const onStop = (): void => {
      // Before the stream there is nothing to be finished.
      if (streaming) setTimeout(() => ending.abort(stop.reason), STOP_TIMEOUT_MS).unref()
      else ending.abort(stop.reason)
    }
    stop.addEventListener('abort', onStop, { once: true })
    const onStreaming = (): void => {
      clearTimeout(giveUp)
      streaming = true
      this.#everStreamed = true
      this.#missingWal = false
      this.#streamingSinceMs = performance.now()
    }
    try {
      return await new ReceiveSession(connection, { ...this.#options, onStreaming }).run()
    } finally {
      clearTimeout(giveUp)
      stop.removeEventListener('abort', onStop)
      await connection.close()
    }
  }

  /** `ending` ends the attempt and, later, the connection. A wish to stop ends the attempt at once. */
  async #connect(ending: AbortController): Promise<ReplicationConnection> {
    const { stop, connect } = this.#options
    const onStop = (): void => ending.abort(stop.reason)
    stop.addEventListener('abort', onStop, { once: true })
    try {
      return await connect(ending.signal)
    } finally {
      stop.removeEventListener('abort', onStop)
    }
  }

  #isFatal(error: unknown): boolean {
    // A file that was moved away under us, a directory that is not readable for a moment: gone on with after a while.
    if (!isWalrError(error)) return !(this.#everStreamed && isSystemError(error))
    return isWalrError(error, ...FATAL) || (!this.#everStreamed && isWalrError(error, ...FATAL_AT_FIRST))
  }

  #interrupted(): SessionEnd {
    this.#options.logger.notice('received interrupt signal, exiting')
    this.#options.state.set('stopped', 'interrupted')
    return 'interrupted'
  }
}

/** The end of a receiver that must not loop; its cause has been reported already. */
export class Disconnected extends WalrError {
  constructor(cause: unknown) {
    super('WALR_CONNECTION_LOST', 'disconnected', { cause })
  }
}

function noAnswer(): WalrError {
  return new WalrError('WALR_CONNECTION_LOST', `the server has not answered within ${SETUP_TIMEOUT_MS / 1000} s`)
}

/** Node's own waits reject with an AbortError, everything else with the signal's reason. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError')
}
