/** When a window grows and shrinks, and how far. */
export interface PrefetchWindowOptions {
  /** What may lie ready or be on its way, together with the file that PostgreSQL asks for. */
  readonly maxBytes: number
}

/** What there is room for. */
export interface PrefetchRoom {
  readonly walSegmentSize: number
  /** Free on the file system. */
  readonly freeBytes: number
  /** Held by files that were fetched ahead already, or that are on their way. */
  readonly heldBytes: number
}

const FIRST_SEGMENTS = 2
const MAX_PARALLEL = 4
/** A segment that was ready for so long was fetched too early. */
const EARLY_MS = 10_000
/** Never used: what PostgreSQL itself needs in `pg_wal` comes first. */
const KEEP_FREE_SEGMENTS = 4
const KEEP_FREE_BYTES = 67_108_864 // 64 MiB

/**
 * How many segments to fetch ahead. Grows twofold when PostgreSQL had to wait, so that a few waits find the size for any
 * storage; shrinks by one when a segment lay there for long, so that a slow replay does not hold files for nothing.
 */
export class PrefetchWindow {
  readonly #maxBytes: number
  #segments = FIRST_SEGMENTS

  constructor({ maxBytes }: PrefetchWindowOptions) {
    this.#maxBytes = maxBytes
  }

  /** How many segments to have ahead of PostgreSQL, if there is room. */
  get segments(): number {
    return this.#segments
  }

  /** How many segments may lie ahead of PostgreSQL at most. One more is the one that it asks for. */
  roomFor({ walSegmentSize, freeBytes, heldBytes }: PrefetchRoom): number {
    const keep = KEEP_FREE_BYTES + KEEP_FREE_SEGMENTS * walSegmentSize
    const byFree = Math.floor((freeBytes + heldBytes - keep) / walSegmentSize)
    const byLimit = Math.floor(this.#maxBytes / walSegmentSize) - 1
    return Math.max(0, Math.min(byFree, byLimit))
  }

  /** How many segments to fetch at the same time. */
  get parallel(): number {
    return Math.min(this.#segments, MAX_PARALLEL)
  }

  /** PostgreSQL has waited for a segment that could have been ready. `room`: how many fit. */
  stalled(room: number): void {
    this.#segments = Math.max(FIRST_SEGMENTS, Math.min(this.#segments * 2, room))
  }

  /** PostgreSQL took a segment that had been ready for `readyMs`. */
  taken(readyMs: number): void {
    if (readyMs >= EARLY_MS) this.#segments = Math.max(FIRST_SEGMENTS, this.#segments - 1)
  }
}
