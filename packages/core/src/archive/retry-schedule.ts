import type { ArchiveFailure, FailureKind } from './archive-error.ts'

interface Steps {
  readonly firstMs: number
  readonly maxMs: number
}

/** An outage is tried again soon and often, a refusal slowly: somebody has to change something first. */
const STEPS: Readonly<Record<FailureKind, Steps>> = {
  outage: { firstMs: 1000, maxMs: 60_000 },
  refused: { firstMs: 30_000, maxMs: 300_000 },
  local: { firstMs: 60_000, maxMs: 600_000 },
}

/** What a storage asks for is heeded up to here: a wrong date in an answer must not end the archiving. */
const MAX_RETRY_AFTER_MS = 3_600_000

/** So many refusals in a row, with no success between them, are the storage's and not the file's. */
const REFUSALS_OF_STORAGE = 2

/** Why the archive is not being written at the moment. */
export interface ArchiveTrouble {
  readonly kind: FailureKind
  readonly failure: ArchiveFailure
  readonly sinceMs: number
  /** The last attempt that counted. */
  readonly failedAtMs: number
  readonly attempts: number
  /** Nothing is tried before. */
  readonly untilMs: number
}

/**
 * Says when to try again, for ever (law 7). While the storage is in trouble only one attempt at a time is made, with
 * growing pauses and jitter, and whatever waits behind it costs nothing. One failing file does not hold up the others.
 */
export class RetrySchedule {
  readonly #random: () => number
  readonly #files = new Map<string, { attempts: number; untilMs: number }>()
  #trouble: ArchiveTrouble | undefined
  #refusals = 0

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** The storage's trouble; undefined while it is well, as far as is known. */
  get trouble(): ArchiveTrouble | undefined {
    return this.#trouble
  }

  /** Whether this file may be tried now. */
  isDue(fileName: string, nowMs: number): boolean {
    return nowMs >= (this.#trouble?.untilMs ?? 0) && nowMs >= (this.#files.get(fileName)?.untilMs ?? 0)
  }

  /** How often this file has failed; those that failed least are tried first. */
  attemptsOf(fileName: string): number {
    return this.#files.get(fileName)?.attempts ?? 0
  }

  /** The earliest moment at which one of these files is due. */
  nextDueMs(fileNames: Iterable<string>): number {
    let first = Infinity
    for (const name of fileNames) first = Math.min(first, this.#files.get(name)?.untilMs ?? 0)
    return Math.max(first, this.#trouble?.untilMs ?? 0)
  }

  /**
   * @param startedAtMs when the attempt was begun: those that were under way together met the same trouble, and count
   * once.
   */
  failed(fileName: string, failure: ArchiveFailure, nowMs: number, startedAtMs = Infinity): void {
    const { kind } = failure
    const isNews = startedAtMs > (this.#trouble?.failedAtMs ?? -Infinity)
    const attempts = this.attemptsOf(fileName) + 1
    if (kind === 'refused') this.#refusals += 1
    const isStorage = kind === 'outage' || (kind === 'refused' && this.#refusals >= REFUSALS_OF_STORAGE)
    if (isStorage && isNews) {
      const before = this.#trouble?.kind === kind ? this.#trouble : undefined
      const storageAttempts = (before?.attempts ?? 0) + 1
      const pauseMs = Math.max(this.#pauseMs(kind, storageAttempts), heeded(failure.retryAfterMs))
      this.#trouble = {
        kind,
        failure,
        attempts: storageAttempts,
        sinceMs: this.#trouble?.sinceMs ?? nowMs,
        failedAtMs: nowMs,
        untilMs: nowMs + pauseMs,
      }
    }
    // During an outage no file is to blame.
    const ownPauseMs = kind === 'outage' ? 0 : this.#pauseMs(kind, attempts)
    this.#files.set(fileName, { attempts, untilMs: nowMs + ownPauseMs })
  }

  /** @returns the trouble that is over now, if there was one. */
  succeeded(fileName: string): ArchiveTrouble | undefined {
    const over = this.#trouble
    this.#trouble = undefined
    this.#refusals = 0
    this.#files.delete(fileName)
    return over
  }

  /** Forgets files that are no longer there. */
  keepOnly(fileNames: ReadonlySet<string>): void {
    for (const name of this.#files.keys()) if (!fileNames.has(name)) this.#files.delete(name)
  }

  #pauseMs(kind: FailureKind, attempts: number): number {
    const { firstMs, maxMs } = STEPS[kind]
    const step = Math.min(maxMs, firstMs * 2 ** Math.min(attempts - 1, 30))
    return Math.round(step * (0.5 + this.#random() / 2))
  }
}

function heeded(retryAfterMs: number | undefined): number {
  return retryAfterMs === undefined || Number.isNaN(retryAfterMs) ? 0 : Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)
}
