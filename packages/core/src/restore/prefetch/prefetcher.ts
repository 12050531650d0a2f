import { isWalrError, type WalrError } from '../../errors/walr-error.ts'
import type { Clock } from '../../archive/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { parseTimelineHistory } from '../../wal/timeline-history.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'
import type { WalFileName } from '../../wal/wal-file-name.ts'
import { isWalSegmentSize, type WalSegmentSize } from '../../wal/wal-segment-size.ts'
import type { WalRequest } from '../wal-request.ts'
import { FetchAhead } from './fetch-ahead.ts'
import { isDiskFull, type GenerationFolder, type WrittenFile } from './generation-folder.ts'
import { LineFollower } from './line-follower.ts'
import { PrefetchWindow } from './prefetch-window.ts'
import { SegmentFetch, type FetchesWal } from './segment-fetch.ts'

export interface PrefetcherOptions {
  /** Opened while the first request waits already. */
  readonly fetcher: () => Promise<FetchesWal>
  readonly folder: GenerationFolder
  /** Of all that lies in the folder at a time. */
  readonly maxBytes: number
  readonly logger: Logger
  readonly clock: Clock
}

/** The answer to a client. */
export type PrefetchOutcome =
  /** A name in `given/`. */
  | { readonly kind: 'delivered'; readonly given: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly error: WalrError }
  /** Nothing that recovery should stop for: the client is to do it without the prefetcher. */
  | { readonly kind: 'direct' }

/**
 * Answers what clients ask for, and fetches ahead what they will ask for next. All in one thread: what it waits for is
 * network and disk; decompression and checks of one core are faster than PostgreSQL replays.
 */
export class Prefetcher {
  readonly #options: PrefetcherOptions
  readonly #follower: LineFollower
  readonly #segmentFetch: SegmentFetch
  readonly #ahead: FetchAhead
  #lastUseMs: number
  #requestCount = 0

  constructor(options: PrefetcherOptions) {
    const { folder, fetcher, maxBytes, clock } = options
    this.#options = options
    this.#follower = new LineFollower(undefined)
    this.#segmentFetch = new SegmentFetch(fetcher, folder)
    const window = new PrefetchWindow({ maxBytes })
    this.#ahead = new FetchAhead({ ...options, segmentFetch: this.#segmentFetch, follower: this.#follower, window })
    this.#lastUseMs = clock.nowMs()
  }

  /** For how long nobody has asked for anything or taken anything. */
  get idleMs(): number {
    if (this.#requestCount > 0) return 0
    return this.#options.clock.nowMs() - Math.max(this.#lastUseMs, this.#ahead.lastTakenMs ?? 0)
  }

  /** PostgreSQL was given a segment before there was a prefetcher. */
  async segmentDelivered(name: WalFileName, walSegmentSize: WalSegmentSize): Promise<void> {
    this.#follower.segmentDelivered(name, walSegmentSize)
    await this.#ahead.goOn()
  }

  /** Looks what was taken from `ready/`. To be called when something may have been. */
  look(): Promise<void> {
    return this.#ahead.look()
  }

  /** Never rejects but for the reason of `signal`. */
  async request(request: WalRequest, signal: AbortSignal): Promise<PrefetchOutcome> {
    this.#requestCount++
    try {
      return await this.#answer(request, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isWalrError(error)) return { kind: 'failed', error }
      if (isDiskFull(error)) this.#ahead.makeRoom()
      const why = error instanceof Error ? error.message : String(error)
      this.#options.logger.info(`"${request.wanted.name}" is left to restore-command itself: ${why}`)
      return { kind: 'direct' }
    } finally {
      this.#requestCount--
      this.#lastUseMs = this.#options.clock.nowMs()
    }
  }

  /** Ends all that is under way. */
  async close(): Promise<void> {
    await this.#ahead.close()
  }

  async #answer(request: WalRequest, signal: AbortSignal): Promise<PrefetchOutcome> {
    const { wanted } = request
    if (wanted.kind === 'segment') return this.#segment(request, wanted.name, signal)
    const written = await this.#segmentFetch.fetch(request, this.#follower.walSegmentSize, signal)
    if (written === undefined) return { kind: 'absent' }
    if (wanted.kind === 'history') await this.#learn(written, wanted.timelineId)
    return { kind: 'delivered', given: await this.#options.folder.give(written) }
  }

  async #segment(request: WalRequest, name: WalFileName, signal: AbortSignal): Promise<PrefetchOutcome> {
    // It is not fetched ahead any more, whatever happens meanwhile.
    const release = this.#ahead.reserve(name)
    try {
      const wasExpected = this.#follower.expects(name)
      const claimed = await this.#ahead.claim(name, signal)
      const { walSegmentSize } = this.#follower
      if (claimed !== undefined && walSegmentSize !== undefined) {
        this.#goOnBehind(name, walSegmentSize, wasExpected && claimed.waited)
        return { kind: 'delivered', given: claimed.given }
      }
      const written = await this.#segmentFetch.fetch(request, walSegmentSize, signal)
      if (written === undefined) return { kind: 'absent' }
      const given = await this.#options.folder.give(written)
      // Behind an unfinished segment there is nothing.
      if (!written.isUnfinished && isWalSegmentSize(written.size)) {
        this.#goOnBehind(name, written.size, wasExpected)
      }
      return { kind: 'delivered', given }
    } finally {
      release()
    }
  }

  #goOnBehind(name: WalFileName, walSegmentSize: WalSegmentSize, hasWaited: boolean): void {
    if (hasWaited) this.#ahead.stalled()
    this.#ahead.resume()
    this.#follower.segmentDelivered(name, walSegmentSize)
    // Failures are those of fetching ahead, which are none.
    this.#ahead.goOn().catch(() => undefined)
  }

  /** A history that cannot be read says nothing; whether PostgreSQL gets it is not decided here. */
  async #learn(written: WrittenFile, timelineId: TimelineId): Promise<void> {
    const content = await this.#options.folder.read(written)
    try {
      this.#follower.historyDelivered(timelineId, parseTimelineHistory(timelineId, content.toString('latin1')))
    } catch (error) {
      this.#options.logger.info(`history of timeline ${timelineId}: ${error instanceof Error ? error.message : ''}`)
    }
  }
}
