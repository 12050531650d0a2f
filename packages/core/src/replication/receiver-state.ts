import type { Logger } from '../telemetry/logger.ts'

/** What the receiver is doing. */
export type ReceiverState = 'starting' | 'streaming' | 'catching-up' | 'waiting' | 'blocked' | 'gap' | 'stopped'

export interface ReceiverStatus {
  readonly state: ReceiverState
  /** Why, in words. */
  readonly reason: string
  readonly since: Date
}

/** Holds the state and reports every change of it to the log. */
export class ReceiverStateHolder {
  readonly #logger: Logger
  #status: ReceiverStatus = { state: 'starting', reason: 'not connected yet', since: new Date() }

  constructor(logger: Logger) {
    this.#logger = logger
  }

  get status(): ReceiverStatus {
    return this.#status
  }

  /** The same state with another reason is no change. */
  set(state: ReceiverState, reason: string): void {
    if (state === this.#status.state) return
    this.#status = { state, reason, since: new Date() }
    this.#logger.info(`state: ${state} (${reason})`, { fields: { state, reason } })
  }
}
