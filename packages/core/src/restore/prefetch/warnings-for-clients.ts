import type { LogExtra, Logger } from '../../telemetry/logger.ts'
import type { SentWarning } from './prefetch-protocol.ts'

/** No more are kept, waiting or told already. */
const MAX_WARNINGS = 50

/**
 * The prefetcher's logger. Nobody reads its own log; so a warning is told to the next client as well, which writes it to the
 * log of PostgreSQL: once, however often it is given.
 */
export class WarningsForClients implements Logger {
  readonly #logger: Logger
  readonly #told = new Set<string>()
  #waiting: SentWarning[] = []

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** What has come since the last time. */
  take(): readonly SentWarning[] {
    const taken = this.#waiting
    this.#waiting = []
    return taken
  }

  warning(message: string, extra?: LogExtra): void {
    this.#logger.warning(message, extra)
    if (this.#told.has(message) || this.#told.size >= MAX_WARNINGS) return
    this.#told.add(message)
    this.#waiting.push({ message, hint: extra?.hint })
  }

  error(message: string, extra?: LogExtra): void {
    this.#logger.error(message, extra)
  }

  notice(message: string, extra?: LogExtra): void {
    this.#logger.notice(message, extra)
  }

  info(message: string, extra?: LogExtra): void {
    this.#logger.info(message, extra)
  }

  debug(message: string, extra?: LogExtra): void {
    this.#logger.debug(message, extra)
  }
}
