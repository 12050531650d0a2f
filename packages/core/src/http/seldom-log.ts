import type { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'

const INTERVAL_MS = 60_000
const MAX_KNOWN = 1000

/** Tells the log of each trouble at first and then once a minute: clients ask again and again. */
export class SeldomLog {
  readonly #logger: Logger
  readonly #now: () => number
  readonly #told = new Map<string, number>()

  constructor(logger: Logger, now: () => number = performance.now.bind(performance)) {
    this.#logger = logger
    this.#now = now
  }

  warning(error: WalrError): void {
    const at = this.#told.get(error.message)
    if (at !== undefined && this.#now() - at < INTERVAL_MS) return
    if (this.#told.size >= MAX_KNOWN) this.#told.clear()
    this.#told.set(error.message, this.#now())
    const { code, detail, hint } = error
    this.#logger.warning(error.message, { code, detail, hint })
  }
}
