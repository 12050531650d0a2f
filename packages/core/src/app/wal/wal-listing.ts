import { findMissing, type MissingRun } from '../../archive/missing-wal.ts'
import type { NumberRun } from '../../archive/segment-runs.ts'
import type { SegmentTable } from '../../archive/segment-table.ts'
import type { OtherKind, WalCatalogue } from '../../archive/wal-catalogue.ts'
import { formatLsn, toLsn, type Lsn } from '../../wal/lsn.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import { segmentStartLsn, walFileName } from '../../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../../wal/wal-segment-size.ts'
import { knownSystems } from './known-wal.ts'
import type { ListedPlaces } from './wal-places.ts'

/** What `walr wal list --json` prints. */
export interface WalListing {
  readonly places: readonly ListedCatalogue[]
  readonly totals: Totals
}

export interface Totals {
  readonly segments: number
  readonly storedBytes: number
  readonly plainBytes: number
}

/** One system in one place. */
export interface ListedCatalogue {
  readonly place: string
  readonly systemIdentifier: string
  readonly walSegmentSize: number
  readonly timelines: readonly ListedTimeline[]
  /** What is no finished segment, by its kind. */
  readonly others: Readonly<Partial<Record<OtherKind, { readonly count: number; readonly storedBytes: number }>>>
}

export interface ListedTimeline extends Totals {
  readonly timelineId: number
  /** Null for a timeline that has none, or whose history is not there. */
  readonly parentTimelineId: number | null
  readonly switchLsn: string | null
  /** `none`: timeline 1 needs none. */
  readonly history: 'present' | 'missing' | 'broken' | 'none'
  readonly ranges: readonly ListedRange[]
  /** Segments that are missing on the way to this timeline or to one that came from it. */
  readonly gaps: readonly ListedGap[]
}

export interface ListedRange extends Totals {
  readonly first: string
  readonly last: string
  readonly startLsn: string
  readonly endLsn: string
}

export interface ListedGap {
  readonly first: string
  readonly last: string
  readonly startLsn: string
  readonly endLsn: string
  readonly segments: number
  /** There is a record of it. */
  readonly recorded: boolean
}

const LAST_LSN = 0xffff_ffff_ffff_ffffn

/** Makes the listing of catalogues, each for itself. */
export function walListing({ catalogues }: ListedPlaces, timelineId: TimelineId | undefined): WalListing {
  const places = catalogues.map((catalogue) => listedCatalogue(catalogue, timelineId))
  return { places, totals: sum(places.flatMap(({ timelines }) => timelines)) }
}

function listedCatalogue(catalogue: WalCatalogue, wanted: TimelineId | undefined): ListedCatalogue {
  const { place, systemIdentifier, walSegmentSize } = catalogue.owner
  const missing = knownSystems([catalogue]).flatMap((known) =>
    findMissing(known, { timelineId: undefined, from: undefined, end: undefined }),
  )
  const timelineIds = [...new Set([...catalogue.timelineIds, ...missing.map((run) => run.timelineId)])].sort(
    (a, b) => a - b,
  )
  const others = [...catalogue.others].map(([kind, { count, storedBytes }]) => [kind, { count, storedBytes }] as const)
  return {
    ...{ place, systemIdentifier, walSegmentSize },
    timelines: timelineIds
      .filter((id) => wanted === undefined || id === wanted)
      .map((id) =>
        listedTimeline(
          catalogue,
          id,
          missing.filter((run) => run.timelineId === id),
        ),
      ),
    others: Object.fromEntries(others),
  }
}

function listedTimeline(
  catalogue: WalCatalogue,
  timelineId: TimelineId,
  missing: readonly MissingRun[],
): ListedTimeline {
  const { walSegmentSize } = catalogue.owner
  const parent = catalogue.historyOf(timelineId).at(-1)
  const table = catalogue.timelines.get(timelineId)
  const ranges = table?.runs.map((run) => listedRange(timelineId, run, table, walSegmentSize)) ?? []
  return {
    timelineId,
    parentTimelineId: parent?.timelineId ?? null,
    switchLsn: parent === undefined ? null : formatLsn(parent.switchLsn),
    history: historyState(catalogue, timelineId),
    ...sum(ranges),
    ranges,
    gaps: missing.map(({ recorded, ...run }) => {
      const segments = Number(run.end - run.first)
      return { ...names(timelineId, run, walSegmentSize), segments, recorded }
    }),
  }
}

function historyState(catalogue: WalCatalogue, timelineId: TimelineId): ListedTimeline['history'] {
  if (catalogue.histories.has(timelineId)) return 'present'
  if (catalogue.brokenHistories.has(timelineId)) return 'broken'
  return timelineId === 1 ? 'none' : 'missing'
}

function listedRange(
  timelineId: TimelineId,
  run: NumberRun,
  table: SegmentTable,
  walSegmentSize: WalSegmentSize,
): ListedRange {
  const segments = Number(run.end - run.first)
  const storedBytes = table.storedBytesOf(run)
  return { ...names(timelineId, run, walSegmentSize), segments, storedBytes, plainBytes: segments * walSegmentSize }
}

/** First and last, with positions. */
export function names(
  timelineId: TimelineId,
  { first, end }: NumberRun,
  walSegmentSize: WalSegmentSize,
): Pick<ListedRange, 'first' | 'last' | 'startLsn' | 'endLsn'> {
  return {
    first: walFileName(timelineId, first, walSegmentSize),
    last: walFileName(timelineId, end - 1n, walSegmentSize),
    startLsn: formatLsn(segmentStartLsn(first, walSegmentSize)),
    endLsn: formatLsn(runEndLsn(end, walSegmentSize)),
  }
}

/** The first byte behind a segment before `end`; the very last one ends where positions end. */
function runEndLsn(end: bigint, walSegmentSize: WalSegmentSize): Lsn {
  const position = end * BigInt(walSegmentSize)
  return toLsn(position > LAST_LSN ? LAST_LSN : position)
}

function sum(all: readonly Totals[]): Totals {
  return {
    segments: all.reduce((total, { segments }) => total + segments, 0),
    storedBytes: all.reduce((total, { storedBytes }) => total + storedBytes, 0),
    plainBytes: all.reduce((total, { plainBytes }) => total + plainBytes, 0),
  }
}
