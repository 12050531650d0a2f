import type { SegmentItem } from './archive-entry.ts'
import { SegmentArchiver, type SegmentArchiverOptions, type SegmentOutcome } from './segment-archiver.ts'

const MAX_BUFFERED_BYTES = 67_108_864 // 64 MiB

/** As many segment archivers as work at the same time; each keeps its memory for the next segment. */
export class SegmentArchiverPool {
  readonly #options: SegmentArchiverOptions
  readonly #idle: SegmentArchiver[] = []

  constructor(options: Omit<SegmentArchiverOptions, 'maxBufferedBytes'>) {
    this.#options = { ...options, maxBufferedBytes: MAX_BUFFERED_BYTES }
  }

  /** As {@link SegmentArchiver.archive} says. */
  async archive(segment: SegmentItem, signal: AbortSignal): Promise<SegmentOutcome> {
    const archiver = this.#idle.pop() ?? new SegmentArchiver(this.#options)
    try {
      return await archiver.archive(segment, signal)
    } finally {
      this.#idle.push(archiver)
    }
  }
}
