import type { WalrError } from '../errors/walr-error.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { ArchiveEntry } from './archive-entry.ts'

/**
 * Says whose segments may go into the archive: none before the archive has the history of their timeline and of its
 * ancestors, as the directory has it. Under another history of the same number it has the WAL of another server (law 5).
 */
export class TimelineGate {
  /** Timelines whose histories in the directory the archive has not taken yet. */
  #awaited: ReadonlySet<TimelineId> = new Set()
  readonly #taken = new Map<TimelineId, TimelineHistory>()
  readonly #refused = new Map<TimelineId, WalrError>()

  /** Takes a scan. */
  update(entries: readonly ArchiveEntry[], isTaken: (fileName: string) => boolean): void {
    const histories = entries.filter((entry) => entry.kind === 'history')
    this.#awaited = new Set(histories.filter((entry) => !isTaken(entry.fileName)).map((entry) => entry.timelineId))
  }

  /** The archive has this history. */
  take(timelineId: TimelineId, history: TimelineHistory): void {
    this.#taken.set(timelineId, history)
    this.#refused.delete(timelineId)
  }

  /**
   * The archive has another one. It stays so when the file is moved away: segments may follow it. Another start, or a
   * history that the archive takes, ends it.
   */
  refuse(timelineId: TimelineId, conflict: WalrError): void {
    this.#refused.set(timelineId, conflict)
  }

  /** Why segments are held back, when a history is refused. */
  get conflict(): WalrError | undefined {
    return [...this.#refused.values()][0]
  }

  isOpen(timelineId: TimelineId): boolean {
    if (this.#isBarred(timelineId)) return false
    const history = this.#taken.get(timelineId)
    if (history) return !history.some((entry) => this.#isBarred(entry.timelineId))
    // Nobody knows its ancestors: any of these may be one.
    return ![...this.#awaited, ...this.#refused.keys()].some((other) => other < timelineId)
  }

  #isBarred(timelineId: TimelineId): boolean {
    return this.#awaited.has(timelineId) || this.#refused.has(timelineId)
  }
}
