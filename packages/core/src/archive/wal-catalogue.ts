import { isWalrError, type WalrError } from '../errors/walr-error.ts'
import type { Lsn } from '../wal/lsn.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import { parseTimelineHistory, type TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { walFileSegment } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ArchivedGap } from './archive-inventory.ts'
import { SegmentTable } from './segment-table.ts'

/** What is neither a finished segment nor the history of a timeline. */
export type OtherKind = 'gap' | 'quarantine' | 'partial' | 'backup-history' | 'backup' | 'tail' | 'odd' | 'other'

export interface OtherObjects {
  count: number
  storedBytes: number
  /** Some of them; all when they are few. */
  readonly names: string[]
}

/** An unfinished segment. */
export interface UnfinishedSegment {
  /** The object's key, or the file's name. */
  readonly name: string
  readonly walFileName: WalFileName
  readonly timelineId: TimelineId
  readonly segmentNumber: bigint
  readonly suffixes: string
  readonly storedBytes: number
}

/** Whose WAL a catalogue lists. */
export interface CatalogueOwner {
  /** For messages: `the archive`, `directory "..."`. */
  readonly place: string
  readonly systemIdentifier: SystemIdentifier
  readonly walSegmentSize: WalSegmentSize
  /** The archive's own; what it is called in files that were made of it. */
  readonly id: string
}

/** So many names of each kind are kept. */
const MOST_NAMES = 1000

/** All that a place has of one system, in little memory. */
export class WalCatalogue {
  readonly owner: CatalogueOwner
  readonly timelines = new Map<TimelineId, SegmentTable>()
  readonly histories = new Map<TimelineId, TimelineHistory>()
  /** Histories that are there and cannot be read. */
  readonly brokenHistories = new Map<TimelineId, string>()
  readonly gaps: ArchivedGap[] = []
  readonly unfinished: UnfinishedSegment[] = []
  readonly others = new Map<OtherKind, OtherObjects>()

  constructor(owner: CatalogueOwner) {
    this.owner = owner
  }

  get timelineIds(): readonly TimelineId[] {
    const ids = [...this.timelines.keys(), ...this.histories.keys(), ...this.brokenHistories.keys()]
    return [...new Set(ids)].sort((a, b) => a - b)
  }

  /** To be called in the order of names. @returns false when no segment of this size has that name. */
  addSegment(walFileName: WalFileName, suffixes: string, storedBytes: number, modifiedAt: Date): boolean {
    const segment = walFileSegment(walFileName, this.owner.walSegmentSize)
    if (!segment) return false
    let table = this.timelines.get(segment.timelineId)
    if (!table) this.timelines.set(segment.timelineId, (table = new SegmentTable()))
    table.add(segment.segmentNumber, suffixes, storedBytes, modifiedAt)
    return true
  }

  /** @param content undefined when it does not decode, for the reason of `fault`. */
  addHistory(timelineId: TimelineId, content: Uint8Array | undefined, fault = ''): void {
    if (content === undefined || content.length === 0) {
      this.brokenHistories.set(timelineId, content ? 'it is empty' : fault)
      return
    }
    try {
      this.histories.set(timelineId, parseTimelineHistory(timelineId, Buffer.from(content).toString('latin1')))
    } catch (error) {
      if (!isWalrError(error)) throw error
      this.brokenHistories.set(timelineId, error.message)
    }
  }

  addGap(startLsn: Lsn, endLsn: Lsn): void {
    this.gaps.push({ startLsn, endLsn })
  }

  addUnfinished(walFileName: WalFileName, name: string, suffixes: string, storedBytes: number): boolean {
    const segment = walFileSegment(walFileName, this.owner.walSegmentSize)
    if (segment) this.unfinished.push({ name, walFileName, ...segment, suffixes, storedBytes })
    return segment !== undefined
  }

  addOther(kind: OtherKind, name: string, storedBytes: number): void {
    let others = this.others.get(kind)
    if (!others) this.others.set(kind, (others = { count: 0, storedBytes: 0, names: [] }))
    others.count += 1
    others.storedBytes += storedBytes
    if (others.names.length < MOST_NAMES) others.names.push(name)
  }

  /** The way of a timeline as far as it is known: timeline 1 has no history, nor has one whose history is lost. */
  historyOf(timelineId: TimelineId): TimelineHistory {
    return this.histories.get(timelineId) ?? []
  }
}

/** A system of which there is something, and nobody can tell what. */
export interface UnknownSystem {
  readonly systemIdentifier: string
  readonly error: WalrError
}
