import type { ArchiveEntry, SegmentItem } from './archive-entry.ts'
import type { DirectoryScan } from './archive-queue.ts'
import type { RetrySchedule } from './retry-schedule.ts'

/** So many files are looked at between two scans: what one step costs must not grow with the backlog. */
const WINDOW = 256

/** What a scan left to be done, a window of it at a time, and what needs not be done again by this process. */
export class PendingFiles {
  readonly #done = new Set<string>()
  readonly #quarantined = new Set<string>()
  #window: readonly ArchiveEntry[] = []
  #more = false

  /** Takes a new scan. @param mayStart which unconfirmed segments are to be archived. */
  update(scan: DirectoryScan, mayStart: (segment: SegmentItem) => boolean, schedule: RetrySchedule): void {
    const names = new Set(scan.entries.map((entry) => entry.fileName))
    for (const set of [this.#done, this.#quarantined]) {
      for (const name of set) if (!names.has(name)) set.delete(name)
    }
    const waiting = scan.entries.filter((entry) => {
      if (this.#done.has(entry.fileName) || this.#quarantined.has(entry.fileName)) return false
      return entry.kind !== 'segment' || mayStart(entry)
    })
    // Those that failed come last, so that bad files do not hold up the rest. Segments wait for histories.
    const attempts = ({ kind, fileName }: ArchiveEntry): number =>
      kind === 'segment' ? schedule.attemptsOf(fileName) : -1
    this.#window = waiting.toSorted((a, b) => attempts(a) - attempts(b)).slice(0, WINDOW)
    this.#more = waiting.length > WINDOW
  }

  /** In the order in which they are to be tried. */
  get files(): readonly ArchiveEntry[] {
    return this.#window
  }

  /** Whether the window has run dry while the last scan had more. */
  get needsScan(): boolean {
    return this.#more && this.#window.length === 0
  }

  /** Whether enough is known for a while: hints change nothing. */
  get isFull(): boolean {
    return this.#more && this.#window.length > 0
  }

  get quarantined(): readonly string[] {
    return [...this.#quarantined].toSorted()
  }

  /** Whether this history or gap record is in the archive. */
  isDone(fileName: string): boolean {
    return this.#done.has(fileName)
  }

  /** In the archive, and need not be looked at again while its file is there. */
  done(entry: ArchiveEntry): void {
    if (entry.kind !== 'segment') this.#done.add(entry.fileName)
    this.#leave(entry)
  }

  quarantine(entry: ArchiveEntry): void {
    this.#quarantined.add(entry.fileName)
    this.#leave(entry)
  }

  #leave(entry: ArchiveEntry): void {
    // By name: a scan in the meantime has made other objects of the same files.
    this.#window = this.#window.filter(({ fileName }) => fileName !== entry.fileName)
  }
}
