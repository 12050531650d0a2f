import type { WantedWal } from '../../archive/missing-wal.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { parseLsn } from '../../wal/lsn.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import { isWalFileName, segmentNumberOf, walFileSegment } from '../../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../../wal/wal-segment-size.ts'

/** As on the command line: an LSN or the name of a segment. */
export interface RangeFlags {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly timelineId: TimelineId | undefined
}

/**
 * The segments that are wanted; both ends belong to them.
 * @throws WalrError WALR_USAGE
 */
export function wantedRange({ from, to, timelineId }: RangeFlags, walSegmentSize: WalSegmentSize): WantedWal {
  const first = from === undefined ? undefined : segmentAt('--from', from, walSegmentSize)
  const last = to === undefined ? undefined : segmentAt('--to', to, walSegmentSize)
  if (first !== undefined && last !== undefined && last < first) {
    throw new WalrError('WALR_USAGE', `--to ${to ?? ''} is before --from ${from ?? ''}`)
  }
  return { timelineId, from: first, end: last === undefined ? undefined : last + 1n }
}

function segmentAt(flag: string, text: string, walSegmentSize: WalSegmentSize): bigint {
  const lsn = parseLsn(text)
  if (lsn !== undefined) return segmentNumberOf(lsn, walSegmentSize)
  const segment = isWalFileName(text) ? walFileSegment(text, walSegmentSize) : undefined
  if (segment) return segment.segmentNumber
  throw new WalrError(
    'WALR_USAGE',
    `invalid value "${text}" for ${flag}: an LSN or the name of a segment is expected`,
    {
      hint: `With segments of ${walSegmentSize} bytes. The timeline in a name does not matter; --timeline chooses one.`,
    },
  )
}
