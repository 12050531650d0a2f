import type { SegmentItem } from './archive-entry.ts'
import type { PartialItem } from './partial-segment.ts'
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
  archive(segment: SegmentItem, signal: AbortSignal): Promise<SegmentOutcome> {
    return this.#with((archiver) => archiver.archive(segment, signal))
  }

  /** As {@link SegmentArchiver.archivePartial} says. */
  archivePartial(segment: PartialItem, signal: AbortSignal): Promise<SegmentOutcome> {
    return this.#with((archiver) => archiver.archivePartial(segment, signal))
  }

  async #with(work: (archiver: SegmentArchiver) => Promise<SegmentOutcome>): Promise<SegmentOutcome> {
    const archiver = this.#idle.pop() ?? new SegmentArchiver(this.#options)
    try {
      return await work(archiver)
    } finally {
      this.#idle.push(archiver)
    }
  }
}
