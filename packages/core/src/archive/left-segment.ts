import { join } from 'node:path'
import { isWalrError } from '../errors/walr-error.ts'
import { parseLongPageHeader } from '../wal/page-header.ts'
import { readSmallFile } from '../wal/read-whole-file.ts'
import { switchLsnOf, parseTimelineHistory, type TimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { parseHistoryFileName, segmentNumberOf } from '../wal/wal-file-name.ts'
import type { SegmentItem } from './archive-entry.ts'
import { readSegment, type LocalWal } from './local-file.ts'

/**
 * Whether a segment of pg_wal is one that its timeline was left in, and that was never filled. A promoted server renames
 * it to `.partial`; a standby with `archive_mode = always` gives it to its archive command under the name of a whole one
 * (`WalReceiverMain`), with leftovers behind the last record.
 */
export async function isLeftUnfinished(segment: SegmentItem, wal: LocalWal): Promise<boolean> {
  const { timelineId, segmentNumber } = segment
  for (const { name } of await wal.disk.list(wal.directory)) {
    const later = parseHistoryFileName(name)
    if (later === undefined || later <= timelineId) continue
    const switchLsn = switchLsnOf(await readServerHistory(name, later, wal), timelineId)
    if (switchLsn === undefined || segmentNumberOf(switchLsn, wal.walSegmentSize) !== segmentNumber) continue
    return !(await isFilled(segment, wal))
  }
  return false
}

async function readServerHistory(name: string, timelineId: TimelineId, wal: LocalWal): Promise<TimelineHistory> {
  const content = await readSmallFile(wal.disk, join(wal.directory, name))
  return parseTimelineHistory(timelineId, content.toString('utf8'))
}

/** Whether there is WAL up to the last page: the server that stayed on the timeline has filled it. */
async function isFilled(segment: SegmentItem, wal: LocalWal): Promise<boolean> {
  let pageSize = 0
  let at = 0
  let lastPage = 0
  try {
    for await (const chunk of readSegment(segment, wal)) {
      if (at === 0) pageSize = pageSizeIn(chunk)
      const inChunk = wal.walSegmentSize - pageSize - at
      if (inChunk >= 0 && inChunk + 1 < chunk.length) lastPage = Buffer.from(chunk).readUInt16LE(inChunk)
      at += chunk.length
    }
  } catch (error) {
    if (isWalrError(error, 'WALR_SEGMENT_CORRUPT')) return false
    throw error
  }
  return lastPage !== 0
}

function pageSizeIn(chunk: Uint8Array): number {
  const header = parseLongPageHeader(chunk)
  return typeof header === 'string' ? 0 : header.blockSize
}
