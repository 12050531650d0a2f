import type { Logger } from '../telemetry/logger.ts'
import type { ArchiveFailure } from './archive-error.ts'
import type { ArchiveTrouble } from './retry-schedule.ts'

/** A lasting trouble is reported again after this. */
const REPEAT_MS = 600_000
/** A trouble that is over after one attempt and so soon is the same one when it comes back. */
const BLIP_MS = 5000

/** Says what goes wrong once, again after a while, and when it is over: an outage of a day must not fill the log. */
export class ArchiverAlarms {
  readonly #logger: Logger
  readonly #reported = new Map<string, number>()
  /** Whether there is an alarm whose end has not been told. */
  #isTold = false

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** @param waiting how many files wait for the archive. */
  failed({ kind, error }: ArchiveFailure, waiting: number, nowMs: number): void {
    // An outage is one event, whichever file it hits; other failures are told apart by what they say.
    const event = kind === 'outage' ? kind : error.message
    const last = this.#reported.get(event)
    if (last !== undefined && nowMs - last < REPEAT_MS) {
      this.#logger.debug(`${error.message} (again)`, { code: error.code })
      return
    }
    this.#reported.set(event, nowMs)
    this.#isTold = true
    const extra = { code: error.code, detail: error.detail, hint: error.hint ?? hints[kind], fields: { waiting } }
    const text = `${error.message}; ${waiting} ${waiting === 1 ? 'file waits' : 'files wait'} in the directory`
    if (kind === 'outage') this.#logger.warning(text, extra)
    else this.#logger.error(text, extra)
  }

  over({ sinceMs, attempts }: ArchiveTrouble, waiting: number, nowMs: number): void {
    // One object that fails again and again beside others that go well is reported once, and not over each time.
    if (attempts > 1 || nowMs - sinceMs >= BLIP_MS) this.#reported.clear()
    if (!this.#isTold) return
    this.#isTold = false
    const seconds = Math.round((nowMs - sinceMs) / 1000)
    this.#logger.notice(
      `the archive takes WAL again after ${seconds} s and ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}; ${waiting} files wait`,
    )
  }
}

const hints = {
  outage: 'Nothing is lost: WAL stays in the directory and is archived when the storage is back.',
  refused: 'Nothing is lost: WAL stays in the directory. Correct what the storage refuses; walr tries again slowly.',
  local: 'The file stays where it is and is tried again slowly.',
} as const
