import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { formatLsn, type Lsn } from './lsn.ts'
import { syncDirectory } from './segment-publishing.ts'
import type { TimelineId } from './timeline-id.ts'

/** WAL that is missing for good, and was gone on behind. */
export interface WalGap {
  readonly timelineId: TimelineId
  /** First missing byte; 0/0 when that is not known. */
  readonly startLsn: Lsn
  /** First byte that is there again. */
  readonly endLsn: Lsn
  readonly reason: string
}

/** Keeps a gap as `<directory>/.walr/gaps/<start>-<end>.json`, so that it stays known (law 6). `.walr` must exist. */
export async function recordGap(disk: Disk, directory: string, gap: WalGap, now: Date): Promise<void> {
  const folder = join(directory, '.walr', 'gaps')
  await disk.makeDirectory(folder)
  await syncDirectory(disk, join(directory, '.walr'))
  const record = {
    format: 1,
    timelineId: gap.timelineId,
    startLsn: formatLsn(gap.startLsn),
    endLsn: formatLsn(gap.endLsn),
    reason: gap.reason,
    recordedAt: now.toISOString(),
  }
  const name = `${hex(gap.startLsn)}-${hex(gap.endLsn)}.json`
  await writeFileDurably(disk, join(folder, name), Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`))
}

function hex(lsn: Lsn): string {
  return lsn.toString(16).toUpperCase().padStart(16, '0')
}
