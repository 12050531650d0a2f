import type { ArchivedSegment, ArchiveInventory } from './archive-inventory.ts'
import { holesBetween, type NumberRun, type SegmentRun } from './segment-runs.ts'
import type { Stretch } from './timeline-line.ts'

/** `near` looks at the last segments of each timeline, with few listings; `complete` lists all of them. */
export type SearchDepth = 'near' | 'complete'

export interface LineSearchScope {
  readonly waiting: readonly ArchivedSegment[]
  readonly doubtful?: readonly ArchivedSegment[]
  readonly depth: SearchDepth
}

/** What a search along a line found. */
export interface LineSearch {
  /** Segments that are missing behind others that are there, oldest first. */
  readonly holes: readonly SegmentRun[]
  /** The segment behind all of them; undefined when there is none. */
  readonly next: ArchivedSegment | undefined
}

/** How far back a near search goes on each timeline. */
const NEAR_SEGMENTS = 1000n

/**
 * Looks along a line of timelines for segments that are missing in the archive: within a timeline, at its beginning, at its
 * end, and whole timelines. What is older than the archive is not missing.
 * @param waiting segments that are on their way into the archive: they count as being there.
 * @param doubtful so do these; but that something is there that may not be WAL is no reason to miss what is around it.
 * @throws StorageError
 */
export async function searchLine(
  inventory: ArchiveInventory,
  stretches: readonly Stretch[],
  { waiting, doubtful = [], depth }: LineSearchScope,
  signal: AbortSignal,
): Promise<LineSearch> {
  const holes: SegmentRun[] = []
  let begun = false
  let next: ArchivedSegment | undefined
  for (const { timelineId, first, end } of stretches) {
    const runsOf = (segments: readonly ArchivedSegment[]): readonly NumberRun[] =>
      segments.filter((segment) => segment.timelineId === timelineId).map(asRun)
    const coming = runsOf(waiting)
    const archived = await inventory.newest(timelineId, signal, end)
    const newest = coming
      .filter((run) => end === undefined || run.first < end)
      .reduce((high, run) => max(high, run.first), archived?.segmentNumber)
    const stretchEnd = end ?? (newest === undefined ? first : newest + 1n)
    if (stretchEnd !== undefined) {
      const from = depth === 'complete' || newest === undefined ? 0n : max(0n, newest + 1n - NEAR_SEGMENTS)
      const present = archived ? await inventory.runs(timelineId, { from, end: stretchEnd }, signal) : []
      const expected = begun && first !== undefined && first >= from ? first : lowest([...present, ...coming])
      if (expected !== undefined) {
        const there = [...present, ...coming, ...runsOf(doubtful)]
        for (const hole of holesBetween(there, expected, stretchEnd)) holes.push({ timelineId, ...hole })
      }
    }
    // Also a branch that the line did not take tells that the archive is older than what follows.
    begun ||= newest !== undefined || coming.length > 0 || (await inventory.first(timelineId, signal)) !== undefined
    next = begun && stretchEnd !== undefined ? { timelineId, segmentNumber: stretchEnd } : undefined
  }
  return { holes, next }
}

function asRun({ segmentNumber }: ArchivedSegment): NumberRun {
  return { first: segmentNumber, end: segmentNumber + 1n }
}

function lowest(runs: readonly NumberRun[]): bigint | undefined {
  return runs.reduce<bigint | undefined>(
    (low, { first }) => (low === undefined || first < low ? first : low),
    undefined,
  )
}

function max(a: bigint | undefined, b: bigint): bigint {
  return a === undefined || b > a ? b : a
}
