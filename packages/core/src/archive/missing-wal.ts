import { INVALID_LSN, type Lsn } from '../wal/lsn.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ArchivedGap } from './archive-inventory.ts'
import { holesBetween, type NumberRun, type SegmentRun } from './segment-runs.ts'
import { stretchesOf } from './timeline-line.ts'

/** What is there of a system, in all places that were looked at. */
export interface KnownWal {
  readonly walSegmentSize: WalSegmentSize
  /** Of timelines that have segments; the runs of each in order. */
  readonly runs: ReadonlyMap<TimelineId, readonly NumberRun[]>
  /** Empty for a timeline that has none, or whose history is not known. */
  readonly historyOf: (timelineId: TimelineId) => TimelineHistory
  /** Timelines whose history is known; some may have no segments yet. */
  readonly histories: readonly TimelineId[]
  readonly gaps: readonly ArchivedGap[]
}

/** What of it is wanted. */
export interface WantedWal {
  /** Only what a recovery along this timeline reads. */
  readonly timelineId: TimelineId | undefined
  /** The first segment that has to be there; undefined: whatever is there first. */
  readonly from: bigint | undefined
  /** Behind the last one that has to be there; undefined: whatever is there last. */
  readonly end: bigint | undefined
}

/** Segments that are missing. */
export interface MissingRun extends SegmentRun {
  /** The gap is known: there is a record of it. */
  readonly recorded: boolean
}

/** What a recovery along a timeline reads of it and of its ancestors. */
export function lineRuns(wal: KnownWal, timelineId: TimelineId): readonly SegmentRun[] {
  return stretchesOf({ timelineId, history: wal.historyOf(timelineId) }, wal.walSegmentSize).flatMap((stretch) => {
    const end = stretch.end ?? wal.runs.get(stretch.timelineId)?.at(-1)?.end
    const first = stretch.first ?? wal.runs.get(stretch.timelineId)?.[0]?.first
    return first === undefined || end === undefined || end <= first
      ? []
      : [{ timelineId: stretch.timelineId, first, end }]
  })
}

/**
 * Finds the segments that are missing along the way to each timeline that has some, or a history: between others, between a
 * timeline and the one that it came from, and, when an end is wanted, up to that. What is older than all that is there is not
 * missing, unless it is wanted; both ends of what is wanted are.
 */
export function findMissing(wal: KnownWal, wanted: WantedWal): readonly MissingRun[] {
  const timelines = [...wal.runs.keys()].sort((a, b) => a - b)
  const main = wanted.timelineId ?? timelines.at(-1)
  if (main === undefined) return []
  // WAL may be lost right before a promotion, too, when there is nothing yet of what follows it.
  const ways = new Set([...timelines, ...wal.histories])
  const lines = wanted.timelineId === undefined ? ways : [wanted.timelineId]
  const holes = new Map<TimelineId, NumberRun[]>()
  for (const timelineId of lines) {
    for (const { timelineId: id, ...hole } of holesOfLine(wal, timelineId, wanted, timelineId === main)) {
      holes.set(id, [...(holes.get(id) ?? []), hole])
    }
  }
  return [...holes]
    .sort(([a], [b]) => a - b)
    .flatMap(([timelineId, found]) => united(found).flatMap((hole) => split({ timelineId, ...hole }, wal)))
}

function holesOfLine(wal: KnownWal, timelineId: TimelineId, wanted: WantedWal, isMain: boolean): SegmentRun[] {
  const holes: SegmentRun[] = []
  let begun = false
  for (const stretch of stretchesOf({ timelineId, history: wal.historyOf(timelineId) }, wal.walSegmentSize)) {
    const all = wal.runs.get(stretch.timelineId) ?? []
    const { first, end } = stretch
    const present = all.filter((run) => end === undefined || run.first < end)
    let expected = begun && first !== undefined ? first : present[0]?.first
    let limit = end ?? present.at(-1)?.end ?? first
    if (isMain && wanted.from !== undefined && (end === undefined || wanted.from < end)) {
      expected = first === undefined || wanted.from > first ? wanted.from : first
    }
    if (isMain && end === undefined) limit = wanted.end ?? highest(limit, wanted.from && wanted.from + 1n)
    const last = isMain && wanted.end !== undefined ? wanted.end - 1n : undefined
    if (last !== undefined && (first === undefined || last >= first) && (end === undefined || last < end)) {
      expected = expected === undefined || last < expected ? last : expected
    }
    if (expected !== undefined && limit !== undefined) {
      for (const hole of holesBetween(present, expected, limit)) {
        const clipped = clip(hole, wanted)
        if (clipped) holes.push({ timelineId: stretch.timelineId, ...clipped })
      }
    }
    // Also a branch that the line did not take tells that the archive is older than what follows.
    begun ||= all.length > 0
  }
  return holes
}

function highest(one: bigint | undefined, other: bigint | undefined): bigint | undefined {
  return one === undefined || (other !== undefined && other > one) ? other : one
}

function clip(run: NumberRun, { from, end }: WantedWal): NumberRun | undefined {
  const first = from !== undefined && from > run.first ? from : run.first
  const last = end !== undefined && end < run.end ? end : run.end
  return first < last ? { first, end: last } : undefined
}

/** Runs of one timeline, put together where they meet or overlap. */
function united(runs: readonly NumberRun[]): readonly NumberRun[] {
  const result: NumberRun[] = []
  for (const run of runs.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const last = result.at(-1)
    if (last === undefined || run.first > last.end) result.push(run)
    else if (run.end > last.end) result[result.length - 1] = { first: last.first, end: run.end }
  }
  return result
}

/** The segments of two catalogues together. */
export function unitedRuns(all: readonly (readonly NumberRun[])[]): readonly NumberRun[] {
  return united(all.flat())
}

/** Parts of a hole: those of which there is a record, and the others. */
function split(hole: SegmentRun, { gaps, walSegmentSize }: KnownWal): MissingRun[] {
  const records = united(
    gaps.flatMap((gap) => {
      const run = clip(segmentsIn(gap, walSegmentSize), { timelineId: undefined, from: hole.first, end: hole.end })
      return run && gap.startLsn !== INVALID_LSN ? [run] : []
    }),
  )
  const parts: MissingRun[] = records.map((run) => ({ timelineId: hole.timelineId, ...run, recorded: true }))
  for (const run of holesBetween(records, hole.first, hole.end)) {
    parts.push({ timelineId: hole.timelineId, ...run, recorded: false })
  }
  return parts.sort((a, b) => (a.first < b.first ? -1 : 1))
}

/** The segments that a gap has none of. */
function segmentsIn({ startLsn, endLsn }: { startLsn: Lsn; endLsn: Lsn }, walSegmentSize: WalSegmentSize): NumberRun {
  const size = BigInt(walSegmentSize)
  return { first: (startLsn + size - 1n) / size, end: endLsn / size }
}
