import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { formatLsn, toLsn, type Lsn } from '../wal/lsn.ts'
import { SegmentPages } from '../wal/segment-pages.ts'
import { SegmentTail } from '../wal/segment-tail.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { notDelivered, SegmentBeginning } from './segment-beginning.ts'
import type { SegmentOwner } from './segment-owner.ts'
import type { WantedFile } from './wanted-file.ts'

/** What is known of bytes that are to be a finished file. */
export interface FileInHand {
  readonly wanted: WantedFile
  /** For messages: `file "..."`, `object "..."`. */
  readonly description: string
  readonly owner: SegmentOwner
  /**
   * Whether the place has later segments of the timeline; asked only for a segment that ends in zeros without a switch. That
   * is damaged then: its timeline went on in it. Without them it may be one that its timeline was left in.
   */
  readonly isFollowed?: (() => Promise<boolean>) | undefined
}

/** Far more than any history has; a file beyond it is something else. */
const MAX_SMALL_BYTES = 16_777_216 // 16 MiB

type Bytes = AsyncIterable<Uint8Array>

/**
 * Passes the plain bytes of a finished file on, and checks them on the way (law 5): a segment page by page, its owner, and
 * its size; a history as PostgreSQL reads it, before its first byte is given. Chunks are those of `plain`, borrowed as they
 * are there.
 * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE, WALR_TIMELINE; what `plain` throws.
 */
export function checkedFile({ wanted, description, owner, isFollowed }: FileInHand, plain: Bytes): Bytes {
  switch (wanted.kind) {
    case 'segment':
      return checkedSegment({ walFileName: wanted.name, description, owner, pages: 'all', isFollowed }, plain)
    case 'partial':
      // Behind its end there may be WAL of an earlier use of the file.
      return checkedSegment({ walFileName: wanted.walFileName, description, owner, pages: 'first' }, plain)
    case 'history':
      return checkedHistory(wanted.timelineId, description, plain)
    case 'backup-history':
      return checkedText(description, plain)
  }
}

interface Segment {
  readonly walFileName: WalFileName
  readonly description: string
  readonly owner: SegmentOwner
  readonly pages: 'all' | 'first'
  readonly isFollowed?: FileInHand['isFollowed']
}

async function* checkedSegment(segment: Segment, plain: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  const { description } = segment
  const beginning = new SegmentBeginning({ ...segment, isUnfinished: false })
  const tail = new SegmentTail()
  let pages: SegmentPages | undefined
  let length = 0
  for await (const chunk of plain) {
    const begun = beginning.add(chunk)
    const { expected } = beginning
    length += chunk.length
    if (expected !== undefined && length > expected.walSegmentSize) {
      const text = `holds more than the ${expected.walSegmentSize} bytes of a segment`
      throw notDelivered('WALR_SEGMENT_CORRUPT', description, text)
    }
    if (expected !== undefined && segment.pages === 'all') {
      pages ??= new SegmentPages(segment.walFileName, expected)
      addPages(pages, begun ?? chunk, description)
      tail.add(begun ?? chunk)
      // Before the last bytes are given: who passes them on at once has to notice that they are missing.
      if (length === expected.walSegmentSize) {
        const endLsn = toLsn(expected.startLsn + BigInt(tail.endOffset))
        if (tail.endsWithoutSwitch(pages.pageSize)) await refuseFollowed(segment, endLsn)
      }
    }
    yield chunk
  }
  const size = beginning.finish()
  if (length !== size) {
    throw notDelivered('WALR_SEGMENT_CORRUPT', description, `holds ${length} bytes instead of ${size}`)
  }
}

async function refuseFollowed({ description, isFollowed }: Segment, endLsn: Lsn): Promise<void> {
  if ((await isFollowed?.()) !== true) return
  const text = `has only zeros from ${formatLsn(endLsn)} on, although later segments of its timeline are there`
  throw notDelivered('WALR_SEGMENT_CORRUPT', description, text)
}

function addPages(pages: SegmentPages, bytes: Uint8Array, description: string): void {
  try {
    pages.add(bytes)
  } catch (error) {
    if (!isWalrError(error)) throw error
    const hint = 'It was not handed to PostgreSQL. Put a good copy in its place.'
    throw new WalrError(error.code, `${description} is damaged: ${error.message}`, { hint, cause: error })
  }
}

async function* checkedHistory(
  timelineId: TimelineId,
  description: string,
  plain: Bytes,
): AsyncGenerator<Uint8Array, void, undefined> {
  const content = await readText(description, plain)
  try {
    parseTimelineHistory(timelineId, content.toString('latin1'))
  } catch (error) {
    if (!isWalrError(error)) throw error
    throw notDelivered('WALR_TIMELINE', description, `cannot be read: ${error.message}`, error)
  }
  yield content
}

async function* checkedText(description: string, plain: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  yield await readText(description, plain)
}

async function readText(description: string, plain: Bytes): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of plain) {
    chunks.push(Buffer.from(chunk))
    length += chunk.length
    if (length > MAX_SMALL_BYTES) throw notDelivered('WALR_TIMELINE', description, 'is too large for a history')
  }
  if (length === 0) throw notDelivered('WALR_TIMELINE', description, 'is empty')
  return Buffer.concat(chunks)
}
