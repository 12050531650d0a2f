import { StorageError } from '../contract/index.ts'
import { sleep } from './call-clock.ts'
import type { CallOptions } from './call-options.ts'

/** Bytes a second. */
const SLOWEST_LINE = 16_384

/**
 * Watches one call of a plugin. The plugin gets {@link signal}, which is aborted when the caller's is, and when the call
 * has made no progress for too long. What does not end then either is left alone after a while. {@link release} must be
 * called at the end.
 */
export class CallGuard {
  readonly #outer: AbortSignal
  readonly #options: CallOptions
  readonly #inner: AbortController = new AbortController()
  #cancelTimer: () => void = () => undefined
  #interrupt: (reason: unknown) => void = () => undefined
  /** Since when the plugin has its turn without progress; undefined while others have it. */
  #turnSince: number | undefined
  #othersWork = 0
  #running = false
  #progressAt = 0
  #durationMs = 0
  #stall: StorageError | undefined
  #ended = false
  /** Added to the time without progress that is no stall yet. */
  #allowanceMs = 0

  constructor(outer: AbortSignal, options: CallOptions) {
    outer.throwIfAborted()
    this.#outer = outer
    this.#options = options
    outer.addEventListener('abort', this.#onAbort)
  }

  get signal(): AbortSignal {
    return this.#inner.signal
  }

  /** How long the plugin has had its turn. */
  get durationMs(): number {
    return this.#durationMs + (this.#turnSince === undefined ? 0 : this.#options.clock.now() - this.#turnSince)
  }

  /**
   * Waits for a step of the plugin. Rejects with what {@link failureOf} makes of its error.
   * @param whenLate gets a result that comes after this has rejected.
   */
  async run<T>(start: () => Promise<T>, whenLate: (value: T) => void = () => undefined): Promise<T> {
    if (this.#outer.aborted) throw this.#outer.reason
    this.#running = true
    this.#changeTurn()
    this.#watch()
    try {
      return await new Promise<T>((resolve, reject) => {
        let late = false
        this.#interrupt = (reason) => {
          late = true
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the reason is the caller's own
          reject(reason)
        }
        invoke(start).then((value) => {
          if (late) whenLate(value)
          else resolve(value)
        }, reject)
      })
    } catch (error) {
      throw this.failureOf(error)
    } finally {
      this.#cancelTimer()
      this.#interrupt = () => undefined
      this.#running = false
      this.#changeTurn()
    }
  }

  /** The time until `work` has settled is not the plugin's, though a step of it is under way. */
  async others<T>(work: Promise<T>): Promise<T> {
    this.#othersWork += 1
    this.#changeTurn()
    try {
      return await work
    } finally {
      this.#othersWork -= 1
      this.#changeTurn()
    }
  }

  /**
   * The plugin has everything, and nothing will be seen of it until its server has so many bytes: on a slow line that takes
   * longer than a stall may.
   */
  expect(bytes: number): void {
    this.#allowanceMs = (bytes / SLOWEST_LINE) * 1000
  }

  /** Waits until `work` has settled, whatever comes of it, but not for longer than the grace. */
  async settled(work: Promise<unknown>): Promise<void> {
    const enough = new AbortController()
    const late = sleep(this.#options.clock, this.#options.graceMs, enough.signal).catch(() => undefined)
    await Promise.race([work.catch(() => undefined), late])
    enough.abort()
  }

  /** The caller's reason when it has aborted, the stall when there was one, otherwise `error` itself. */
  failureOf(error: unknown): unknown {
    return this.#outer.aborted ? this.#outer.reason : (this.#stall ?? error)
  }

  /** Idempotent. */
  release(): void {
    this.#ended = true
    this.#cancelTimer()
    this.#outer.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = (): void => {
    this.#giveUp(this.#outer.reason)
  }

  /** A change of turns is progress. */
  #changeTurn(): void {
    const { now } = this.#options.clock
    if (this.#turnSince !== undefined) this.#durationMs += now() - this.#turnSince
    this.#turnSince = this.#running && this.#othersWork === 0 ? now() : undefined
    this.#progressAt = now()
  }

  get #limitMs(): number {
    return this.#options.stallTimeoutMs + this.#allowanceMs
  }

  /** One timer a step, which looks at the time of the last progress when it fires. */
  #watch(): void {
    const { clock } = this.#options
    const limitMs = this.#limitMs
    const waitMs = this.#turnSince === undefined ? limitMs : this.#progressAt + limitMs - clock.now()
    this.#cancelTimer = clock.setTimer(() => {
      if (this.#turnSince === undefined || clock.now() - this.#progressAt < this.#limitMs) this.#watch()
      else {
        this.#stall = new StorageError('Transient', `no progress for ${Math.round(this.#limitMs / 1000)} s`)
        this.#giveUp(this.#stall)
      }
    }, waitMs)
  }

  #giveUp(reason: unknown): void {
    this.#cancelTimer()
    if (this.#ended) return
    this.#inner.abort(reason)
    if (!this.#running) return
    this.#cancelTimer = this.#options.clock.setTimer(() => {
      this.#interrupt(reason)
    }, this.#options.graceMs)
  }
}

async function invoke<T>(start: () => Promise<T>): Promise<T> {
  return start()
}
