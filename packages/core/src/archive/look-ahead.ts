import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Acknowledgements } from './acknowledgements.ts'
import { archiveFailure } from './archive-error.ts'
import type { Clock } from './clock.ts'
import type { FileFingerprint } from './file-fingerprint.ts'
import { readArchiveNotes } from './ready-files.ts'
import type { ServerArchiver } from './server-archiver.ts'
import type { ServerFile } from './server-file.ts'

export interface LookAheadOptions {
  readonly disk: Disk
  readonly walDirectory: string
  readonly archiver: Pick<ServerArchiver, 'archive' | 'archiveId'>
  readonly acknowledgements: Acknowledgements
  /** The file that PostgreSQL waits for; it is archived by somebody else, at the same time. */
  readonly ownName: string
  /** How many files are archived at the same time, that one included. */
  readonly jobs: number
  readonly logger: Logger
  readonly clock: Clock
}

/** So many files for one call at most. */
const MOST_FILES = 64
/** PostgreSQL waits so long at most behind its own file. */
const LONGEST_WAIT_MS = 5000

/**
 * Archives what PostgreSQL will ask for next, while it waits for its own file and shortly after that, and leaves an
 * acknowledgement for each. What fails here is no error: the file's own call will tell.
 */
export class LookAhead {
  readonly #options: LookAheadOptions
  readonly #abort = new AbortController()
  readonly #seen: Set<string>
  readonly #running = new Set<Promise<void>>()
  #queue: ServerFile[] = []
  #begun = 0
  #longestMs = 0
  /** Nothing is begun that would not end before; undefined while the own file is under way. */
  #untilMs: number | undefined
  #isOver = false
  #wake: () => void = () => undefined

  constructor(options: LookAheadOptions) {
    this.#options = options
    this.#seen = new Set([options.ownName])
  }

  /** Runs until the own file is done and nothing more can be done in time. Never rejects. */
  async run(own: Promise<unknown>, stop: AbortSignal): Promise<void> {
    const onStop = (): void => this.#end(stop.reason)
    stop.addEventListener('abort', onStop, { once: true })
    if (stop.aborted) onStop()
    let limit: NodeJS.Timeout | undefined
    const onOwnDone = (): void => {
      this.#untilMs = this.#options.clock.nowMs() + LONGEST_WAIT_MS
      limit = setTimeout(
        () => this.#end(new DOMException('PostgreSQL has waited long enough', 'AbortError')),
        LONGEST_WAIT_MS,
      )
      this.#wake()
    }
    own.then(onOwnDone, onOwnDone)
    try {
      for (;;) {
        const awake = new Promise<void>((resolve) => (this.#wake = resolve))
        // What ends meanwhile makes room that this round does not know of.
        const isOwnDone = this.#untilMs !== undefined
        await this.#begin()
        if (this.#running.size === 0 && (isOwnDone || this.#isOver)) return
        await awake
      }
    } finally {
      clearTimeout(limit)
      stop.removeEventListener('abort', onStop)
    }
  }

  #end(reason: unknown): void {
    this.#isOver = true
    this.#abort.abort(reason)
    this.#wake()
  }

  /** Begins as much as may run at the same time. Never rejects. */
  async #begin(): Promise<void> {
    const { jobs, logger } = this.#options
    try {
      for (;;) {
        const file = this.#mayBegin(jobs) ? await this.#next() : undefined
        // Meanwhile the time may have run out.
        if (!file || !this.#mayBegin(jobs)) return
        this.#start(file)
      }
    } catch (error) {
      this.#isOver = true
      logger.debug(archiveFailure('look ahead', error).error.message)
    }
  }

  #mayBegin(jobs: number): boolean {
    const limit = this.#untilMs === undefined ? jobs - 1 : jobs
    if (this.#isOver || this.#begun >= MOST_FILES || this.#running.size >= limit) return false
    return this.#untilMs === undefined || this.#options.clock.nowMs() + this.#longestMs < this.#untilMs
  }

  async #next(): Promise<ServerFile | undefined> {
    const { disk, walDirectory, acknowledgements, archiver } = this.#options
    for (;;) {
      if (this.#queue.length === 0) {
        const { ready } = await readArchiveNotes(disk, walDirectory)
        this.#queue = ready.filter(({ name }) => !this.#seen.has(name))
      }
      const file = this.#queue.shift()
      if (!file) return undefined
      this.#seen.add(file.name)
      if (!(await acknowledgements.has(file.name, archiver.archiveId))) return file
    }
  }

  #start(file: ServerFile): void {
    this.#begun += 1
    const work = this.#archive(file).finally(() => {
      this.#running.delete(work)
      this.#wake()
    })
    this.#running.add(work)
  }

  /** Never rejects. */
  async #archive(file: ServerFile): Promise<void> {
    const { archiver, acknowledgements, logger, clock } = this.#options
    const startedAtMs = clock.nowMs()
    let read: FileFingerprint | undefined
    try {
      read = await acknowledgements.fingerprint(file.name)
      await archiver.archive(file, this.#abort.signal)
      this.#longestMs = Math.max(this.#longestMs, clock.nowMs() - startedAtMs)
      logger.info(`archived "${file.name}" ahead`)
    } catch (error) {
      if (this.#abort.signal.aborted) return
      const failure = archiveFailure(`archive "${file.name}" ahead`, error)
      logger.debug(failure.error.message, { code: failure.error.code })
      // Nothing is gained by more of it.
      if (failure.kind === 'outage') this.#isOver = true
      return
    }
    try {
      await acknowledgements.leave(file.name, read, archiver.archiveId)
    } catch (error) {
      this.#isOver = true
      logger.warning(`could not note that "${file.name}" is archived: ${systemErrorText(error)}`)
    }
  }
}
