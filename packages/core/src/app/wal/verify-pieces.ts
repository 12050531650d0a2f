import { lineRuns, type WantedWal } from '../../archive/missing-wal.ts'
import type { NumberRun, SegmentRun } from '../../archive/segment-runs.ts'
import type { SegmentTable } from '../../archive/segment-table.ts'
import type { WalCatalogue } from '../../archive/wal-catalogue.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import { segmentNumberOf } from '../../wal/wal-file-name.ts'
import type { KnownSystem } from './known-wal.ts'

/** Consecutive segments that are verified, and remembered, together. */
export interface Piece extends SegmentRun {
  readonly table: SegmentTable
  /** Branches leave the timeline behind it. */
  readonly isBranchedOff: boolean
}

/** So much WAL is lost of the work when a verification is interrupted at a bad moment. */
const PIECE_BYTES = 1_073_741_824n // 1 GiB

/**
 * Cuts what is wanted into pieces, in the order of timelines and positions. The cuts are at the same places each time, and
 * wherever a timeline begins: what follows there has to be checked against the end of a piece.
 */
export function piecesOf(catalogue: WalCatalogue, known: KnownSystem, wanted: WantedWal): readonly Piece[] {
  const pieces: Piece[] = []
  const line = wanted.timelineId === undefined ? undefined : lineRuns(known, wanted.timelineId)
  for (const [timelineId, table] of [...catalogue.timelines].sort(([a], [b]) => a - b)) {
    const branches = branchesOf(known, timelineId)
    for (const run of table.runs) {
      for (const part of wantedParts({ timelineId, ...run }, wanted, line)) {
        for (const piece of cut(part, branches, PIECE_BYTES / BigInt(known.walSegmentSize))) {
          pieces.push({ timelineId, ...piece, table, isBranchedOff: branches.has(piece.end) })
        }
      }
    }
  }
  return pieces
}

/** The segments in which a timeline was left. */
function branchesOf(known: KnownSystem, timelineId: TimelineId): ReadonlySet<bigint> {
  const histories = known.catalogues.flatMap((catalogue) => [...catalogue.histories.values()])
  const left = histories.flat().filter((entry) => entry.timelineId === timelineId)
  return new Set(left.map(({ switchLsn }) => segmentNumberOf(switchLsn, known.walSegmentSize)))
}

function wantedParts(
  run: SegmentRun,
  wanted: WantedWal,
  line: readonly SegmentRun[] | undefined,
): readonly NumberRun[] {
  const stretches = line?.filter(({ timelineId }) => timelineId === run.timelineId) ?? [run]
  return stretches.flatMap((stretch) => {
    const first = highest(run.first, stretch.first, wanted.from ?? 0n)
    const end = -highest(-run.end, -stretch.end, -(wanted.end ?? run.end))
    return first < end ? [{ first, end }] : []
  })
}

function highest(...numbers: readonly bigint[]): bigint {
  return numbers.reduce((high, number) => (number > high ? number : high))
}

function cut({ first, end }: NumberRun, branches: ReadonlySet<bigint>, length: bigint): readonly NumberRun[] {
  const cuts = [...branches].filter((branch) => branch > first && branch < end)
  for (let at = (first / length + 1n) * length; at < end; at += length) cuts.push(at)
  const sorted = [first, ...new Set(cuts.sort((a, b) => (a < b ? -1 : 1))), end]
  return sorted.slice(1).map((to, index) => ({ first: sorted[index] ?? first, end: to }))
}
