import type { Logger } from '../telemetry/logger.ts'
import { archiveFailure } from './archive-error.ts'
import type { Clock } from './clock.ts'

/** How long somebody waits for a storage that is away. */
export interface Patience {
  /** No attempt is begun later than this. */
  readonly untilMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly random?: () => number
}

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5000

/**
 * Repeats `attempt` while the storage is away and there is patience left.
 * @param task what is attempted, for messages: `archive "..."`.
 * @throws WalrError for whatever is no outage, and for one that lasts; the reason of `signal`.
 */
export async function duringOutages<Result>(
  task: string,
  attempt: () => Promise<Result>,
  { untilMs, clock, logger, random = Math.random }: Patience,
  signal: AbortSignal,
): Promise<Result> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    signal.throwIfAborted()
    try {
      return await attempt()
    } catch (cause) {
      signal.throwIfAborted()
      const { kind, error, retryAfterMs = 0 } = archiveFailure(task, cause)
      const waitMs = Math.max(pauseMs * (0.5 + random() / 2), retryAfterMs)
      // Not "begun before": a number that is none ends it, too.
      if (kind !== 'outage' || !(clock.nowMs() + waitMs <= untilMs)) throw error
      logger.info(`${error.message}; trying again`, { code: error.code })
      await clock.wait(waitMs, signal)
    }
  }
}
