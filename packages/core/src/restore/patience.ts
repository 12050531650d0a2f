import type { Clock } from '../archive/clock.ts'
import { WalrError } from '../errors/walr-error.ts'
import { StorageError } from '../plugins/contract/index.ts'
import type { Logger } from '../telemetry/logger.ts'
import { askedPauseMs, failureKind } from './failure-kind.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5_000
/** What makes progress is not cut off when the time is over. */
export const QUIET_MS = 5_000
const SAY_AGAIN_MS = 60_000
/** For an attempt that was given up. */
const GRACE_MS = 2_000

export interface PatienceOptions {
  /** No attempt is begun later than this after the first one, and none goes on without progress. */
  readonly timeoutMs: number
  /** `retry`: outages and refusals are waited for without an end. */
  readonly unavailable: 'fail' | 'retry'
  readonly clock: Clock
  readonly logger: Logger
  /** From 0 to 1, by chance. */
  readonly random?: () => number
  /** Asked between attempts; false ends it with the last error. */
  readonly isWanted?: () => Promise<boolean>
}

/** One attempt; it calls `progress` whenever something came. */
export type Attempt<T> = (signal: AbortSignal, progress: () => void) => Promise<T>

/** Tries again what failed because something was away (law 2), with growing pauses. */
export class Patience {
  readonly #options: PatienceOptions
  readonly #random: () => number

  constructor(options: PatienceOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  /**
   * @throws the error of the last attempt; at once when no waiting helps; the signal's reason when it aborts.
   */
  async run<T>(attempt: Attempt<T>, signal: AbortSignal): Promise<T> {
    const { timeoutMs, unavailable, clock, isWanted } = this.#options
    const waitsForEver = unavailable === 'retry'
    const deadlineMs = clock.nowMs() + timeoutMs
    const told = new Told(this.#options.logger)
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted()
      const limitMs = waitsForEver ? clock.nowMs() + Math.max(timeoutMs, QUIET_MS) : deadlineMs
      try {
        return await this.#watched(attempt, limitMs, signal)
      } catch (error) {
        signal.throwIfAborted()
        const kind = failureKind(error)
        if (kind === 'final' || (kind === 'refused' && !waitsForEver)) throw error
        const leftMs = waitsForEver ? Infinity : deadlineMs - clock.nowMs()
        if (leftMs <= 0) throw error
        told.failed(error, waitsForEver, clock.nowMs())
        const stepMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10))
        const pauseMs = Math.max(stepMs * (0.5 + this.#random() / 2), askedPauseMs(error))
        await clock.wait(Math.min(pauseMs, leftMs, SAY_AGAIN_MS), signal)
        signal.throwIfAborted()
        if (isWanted !== undefined && !(await isWanted())) throw error
      }
    }
  }

  /** Gives an attempt up that is late and has had no progress for a while. */
  async #watched<T>(attempt: Attempt<T>, limitMs: number, signal: AbortSignal): Promise<T> {
    const { clock } = this.#options
    const late = new AbortController()
    const ended = new AbortController()
    let progressAt = -Infinity
    const progress = (): void => {
      progressAt = clock.nowMs()
    }
    const beganAt = clock.nowMs()
    const watching = (async (): Promise<never> => {
      for (;;) {
        const untilMs = Math.max(limitMs, beganAt + QUIET_MS, progressAt + QUIET_MS)
        await clock.wait(Math.max(1, untilMs - clock.nowMs()), ended.signal)
        ended.signal.throwIfAborted()
        if (clock.nowMs() < Math.max(limitMs, progressAt + QUIET_MS)) continue
        const error = noAnswer(clock.nowMs() - Math.max(beganAt, progressAt))
        late.abort(error)
        throw error
      }
    })()
    watching.catch(() => undefined)
    const running = attempt(AbortSignal.any([signal, late.signal]), progress)
    try {
      return await Promise.race([running, watching])
    } catch (thrown) {
      const error: unknown = late.signal.aborted ? late.signal.reason : thrown
      // What was given up frees what it has, and leaves no file behind; or it has been successful at the last moment.
      const enough = new AbortController()
      const given = clock.wait(GRACE_MS, enough.signal).then((): never => {
        throw error
      })
      given.catch(() => undefined)
      try {
        return await Promise.race([running, given])
      } catch {
        throw error
      } finally {
        enough.abort()
      }
    } finally {
      ended.abort()
    }
  }
}

/** Tells of the first failure, and then each minute; all of them when verbose. */
class Told {
  readonly #logger: Logger
  #atMs: number | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  failed(error: unknown, waitsForEver: boolean, nowMs: number): void {
    const text = error instanceof Error ? error.message : String(error)
    const isDue = this.#atMs === undefined || nowMs - this.#atMs >= SAY_AGAIN_MS
    if (isDue) this.#atMs = nowMs
    if (waitsForEver && isDue) this.#logger.warning(`${text}; it is tried again until it goes well`)
    else this.#logger.info(`${text}; it is tried again`)
  }
}

function noAnswer(afterMs: number): WalrError {
  const text = `nothing came for ${Math.round(afterMs / 1000)} s`
  // The cause says that it may pass by itself.
  return new WalrError('WALR_ARCHIVE_UNAVAILABLE', text, { cause: new StorageError('Transient', text) })
}
