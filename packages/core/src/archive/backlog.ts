import { join } from 'node:path'
import type { TreeDisk } from '../disk/disk.ts'
import { formatLsn, type Lsn } from '../wal/lsn.ts'
import { segmentStartLsn } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { SegmentItem } from './archive-entry.ts'
import type { ArchiveStatus } from './archive-status.ts'

interface Waiting {
  readonly fileName: string
  readonly startLsn: Lsn
  readonly size: number
  readonly sinceMs: number
}

/** The finished segments that are not in the archive yet, and how far the archive is without a hole. */
export class Backlog {
  readonly #disk: TreeDisk
  readonly #directory: string
  readonly #walSegmentSize: WalSegmentSize
  #waiting = new Map<string, Waiting>()
  /** Ascending; those that are no longer in the map are skipped. */
  #order: readonly Waiting[] = []
  #first = 0
  #bytes = 0
  /** Names that were confirmed while files are being looked at. */
  readonly #confirmedMeanwhile = new Set<string>()
  #archivedLsn: Lsn | undefined
  #confirmedEndLsn: Lsn | undefined

  constructor(disk: TreeDisk, directory: string, walSegmentSize: WalSegmentSize) {
    this.#disk = disk
    this.#directory = directory
    this.#walSegmentSize = walSegmentSize
  }

  /** Everything before it that was received is archived; never moves back. Undefined until something says so. */
  get archivedLsn(): Lsn | undefined {
    return this.#archivedLsn
  }

  get count(): number {
    return this.#waiting.size
  }

  /** Takes the segments that a scan found unconfirmed. */
  async update(segments: readonly SegmentItem[]): Promise<void> {
    const next = new Map<string, Waiting>()
    this.#confirmedMeanwhile.clear()
    for (const segment of segments) {
      next.set(segment.fileName, this.#waiting.get(segment.fileName) ?? (await this.#look(segment)))
    }
    for (const fileName of this.#confirmedMeanwhile) next.delete(fileName)
    this.#waiting = next
    this.#bytes = [...next.values()].reduce((sum, { size }) => sum + size, 0)
    this.#order = [...next.values()].toSorted((a, b) => (a.startLsn < b.startLsn ? -1 : 1))
    this.#first = 0
    const lowest = this.#lowest()
    if (lowest !== undefined) this.#advance(lowest.startLsn)
  }

  /** The storage has confirmed a segment. */
  confirmed(segment: SegmentItem): void {
    this.#bytes -= this.#waiting.get(segment.fileName)?.size ?? 0
    this.#waiting.delete(segment.fileName)
    this.#confirmedMeanwhile.add(segment.fileName)
    const endLsn = segmentStartLsn(segment.segmentNumber + 1n, this.#walSegmentSize)
    if (this.#confirmedEndLsn === undefined || endLsn > this.#confirmedEndLsn) this.#confirmedEndLsn = endLsn
    // Segments are confirmed in any order, and reported in theirs.
    this.#advance(this.#lowest()?.startLsn ?? this.#confirmedEndLsn)
  }

  /** @param heldLsn WAL from here on is missing, whatever was archived behind it. */
  report(nowMs: number, heldLsn?: Lsn): ArchiveStatus['backlog'] & { readonly archivedLsn: string | undefined } {
    const seconds = Math.max(0, Math.round((nowMs - (this.#lowest()?.sinceMs ?? nowMs)) / 1000))
    const reached = this.#archivedLsn
    const contiguous = reached !== undefined && heldLsn !== undefined && heldLsn < reached ? heldLsn : reached
    const archivedLsn = contiguous === undefined ? undefined : formatLsn(contiguous)
    return { files: this.#waiting.size, bytes: this.#bytes, seconds, archivedLsn }
  }

  async #look({ fileName, segmentNumber }: SegmentItem): Promise<Waiting> {
    const found = await this.#disk.stat(join(this.#directory, fileName))
    return {
      fileName,
      startLsn: segmentStartLsn(segmentNumber, this.#walSegmentSize),
      size: found?.size ?? 0,
      // Its last bytes were written when it was finished.
      sinceMs: found?.modifiedAt.getTime() ?? Infinity,
    }
  }

  #lowest(): Waiting | undefined {
    for (; this.#first < this.#order.length; this.#first += 1) {
      const waiting = this.#order[this.#first]
      if (waiting && this.#waiting.has(waiting.fileName)) return waiting
    }
    return undefined
  }

  #advance(lsn: Lsn): void {
    if (this.#archivedLsn === undefined || lsn > this.#archivedLsn) this.#archivedLsn = lsn
  }
}
