import { join } from 'node:path'
import type { TreeDisk } from '../disk/disk.ts'
import type { Lsn } from '../wal/lsn.ts'
import { segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentItem } from './archive-entry.ts'
import { recordedGaps, type DirectoryScan } from './archive-queue.ts'
import type { ArchiveStatus } from './archive-status.ts'
import { ArchivedFrontier, type ArchivedPosition } from './archived-frontier.ts'
import type { NewestLine } from './newest-line.ts'

interface Waiting {
  readonly segment: SegmentItem
  readonly startLsn: Lsn
  readonly size: number
  readonly sinceMs: number
}

/** The finished segments that are not in the archive yet, and how far the archive is. */
export class Backlog {
  readonly #disk: TreeDisk
  readonly #directory: string
  readonly #walSegmentSize: WalSegmentSize
  readonly #frontier: ArchivedFrontier
  #waiting = new Map<string, Waiting>()
  #ascending: readonly Waiting[] = []
  /** How many of these are known not to wait any more. */
  #passed = 0
  #bytes = 0
  /** Names that were confirmed while files are being looked at. */
  readonly #confirmedMeanwhile = new Set<string>()

  constructor(disk: TreeDisk, directory: string, walSegmentSize: WalSegmentSize) {
    this.#disk = disk
    this.#directory = directory
    this.#walSegmentSize = walSegmentSize
    this.#frontier = new ArchivedFrontier(walSegmentSize)
  }

  get count(): number {
    return this.#waiting.size
  }

  /**
   * Takes a scan.
   * @param open its unconfirmed segments.
   * @param line that of the newest timeline, if there is one.
   */
  async update(scan: DirectoryScan, open: readonly SegmentItem[], line: NewestLine | undefined): Promise<void> {
    const next = new Map<string, Waiting>()
    this.#confirmedMeanwhile.clear()
    for (const segment of open) {
      next.set(segment.fileName, this.#waiting.get(segment.fileName) ?? (await this.#look(segment)))
    }
    for (const fileName of this.#confirmedMeanwhile) next.delete(fileName)
    this.#waiting = next
    this.#bytes = [...next.values()].reduce((sum, { size }) => sum + size, 0)
    this.#ascending = [...next.values()].toSorted((a, b) => (a.startLsn < b.startLsn ? -1 : 1))
    this.#passed = 0
    const waiting = this.#ascending.map(({ segment }) => segment)
    const finished = scan.entries.filter((entry) => entry.kind === 'segment')
    const confirmed = finished.filter(({ fileName }) => !next.has(fileName))
    this.#frontier.update({ waiting, confirmed, unfinished: scan.unfinished, gaps: recordedGaps(scan) }, line)
  }

  /** The storage has confirmed a segment. */
  confirmed(segment: SegmentItem): void {
    this.#bytes -= this.#waiting.get(segment.fileName)?.size ?? 0
    this.#waiting.delete(segment.fileName)
    this.#confirmedMeanwhile.add(segment.fileName)
    this.#frontier.confirmed(segment)
  }

  report(nowMs: number): ArchiveStatus['backlog'] {
    const seconds = Math.max(0, Math.round((nowMs - (this.#first()?.sinceMs ?? nowMs)) / 1000))
    return { files: this.#waiting.size, bytes: this.#bytes, seconds }
  }

  /** As {@link ArchivedFrontier.position} says. */
  position(isSettled: boolean, heldLsn?: Lsn): ArchivedPosition | undefined {
    return this.#frontier.position(isSettled, heldLsn)
  }

  #first(): Waiting | undefined {
    for (; this.#passed < this.#ascending.length; this.#passed += 1) {
      const waiting = this.#ascending[this.#passed]
      if (waiting && this.#waiting.has(waiting.segment.fileName)) return waiting
    }
    return undefined
  }

  async #look(segment: SegmentItem): Promise<Waiting> {
    const found = await this.#disk.stat(join(this.#directory, segment.fileName))
    return {
      segment,
      startLsn: segmentStartLsn(segment.segmentNumber, this.#walSegmentSize),
      size: found?.size ?? 0,
      // Its last bytes were written when it was finished.
      sinceMs: found?.modifiedAt.getTime() ?? Infinity,
    }
  }
}
