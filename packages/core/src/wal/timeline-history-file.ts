import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { CompressionSpec } from './compression/compression-spec.ts'
import { decodeSegment } from './compression/segment-decoder.ts'
import { createSegmentEncoder } from './compression/segment-encoder.ts'
import { readWholeFile } from './read-whole-file.ts'
import { formatLsn } from './lsn.ts'
import { parseTimelineHistory, type TimelineHistory } from './timeline-history.ts'
import type { TimelineId } from './timeline-id.ts'
import { historyFileName } from './wal-file-name.ts'

export interface HistoryFileOptions {
  readonly disk: Disk
  readonly directory: string
  readonly fileMode: number
  readonly compression: CompressionSpec
}

/**
 * Keeps the history of a timeline in the directory, durably, before WAL of that timeline matters. A file that is there, in
 * whatever compression, is compared and left.
 * @throws WalrError WALR_TIMELINE when the directory has another history of that timeline: two clusters went different
 * ways under one number.
 */
export async function keepTimelineHistory(
  timelineId: TimelineId,
  content: Buffer,
  options: HistoryFileOptions,
): Promise<void> {
  const kept = await readTimelineHistory(timelineId, options)
  const received = parseTimelineHistory(timelineId, content.toString('utf8'))
  if (kept === undefined) {
    await writeHistory(timelineId, content, options)
  } else if (describe(kept) !== describe(received)) {
    throw new WalrError(
      'WALR_TIMELINE',
      `the server has another history of timeline ${timelineId} than the directory`,
      {
        detail: `The directory says ${describe(kept)}, the server says ${describe(received)}.`,
        hint: 'Two servers were promoted to the same timeline. Use another directory for the one you want to follow.',
      },
    )
  }
}

/** The history that the directory has of a timeline, or undefined when it has none. */
export async function readTimelineHistory(
  timelineId: TimelineId,
  options: Pick<HistoryFileOptions, 'disk' | 'directory'>,
): Promise<TimelineHistory | undefined> {
  for (const suffix of ['', '.gz', '.lz4', '.zst'] as const) {
    const path = join(options.directory, historyFileName(timelineId) + suffix)
    if ((await options.disk.size(path)) === undefined) continue
    const bytes = readWholeFile(options.disk, path)
    const plain = suffix === '' ? bytes : decodeSegment(suffix, bytes, { tolerateCut: false })
    const chunks: Uint8Array[] = []
    for await (const chunk of plain) chunks.push(chunk)
    return parseTimelineHistory(timelineId, Buffer.concat(chunks).toString('utf8'))
  }
  return undefined
}

async function writeHistory(timelineId: TimelineId, content: Buffer, options: HistoryFileOptions): Promise<void> {
  const { disk, directory, fileMode, compression } = options
  const name = historyFileName(timelineId)
  if (compression.method === 'none') {
    await writeFileDurably(disk, join(directory, name), content, fileMode)
    return
  }
  const chunks: Buffer[] = []
  const encoder = createSegmentEncoder(compression, (chunk) => {
    chunks.push(Buffer.from(chunk))
    return Promise.resolve()
  })
  try {
    await encoder.write(content, 0, content.length)
    await encoder.end()
  } finally {
    encoder.destroy()
  }
  await writeFileDurably(disk, join(directory, name + encoder.suffix), Buffer.concat(chunks), fileMode)
}

function describe(history: TimelineHistory): string {
  return history.map((entry) => `${entry.timelineId} until ${formatLsn(entry.switchLsn)}`).join(', ') || 'no ancestors'
}
