import type { Clock } from '../../archive/clock.ts'
import { systemErrorText } from '../../errors/system-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { WalFileName } from '../../wal/wal-file-name.ts'
import { isDiskFull, type GenerationFolder } from './generation-folder.ts'
import type { LineFollower } from './line-follower.ts'
import type { PrefetchWindow } from './prefetch-window.ts'
import type { SegmentFetch } from './segment-fetch.ts'

export interface FetchAheadOptions {
  readonly folder: GenerationFolder
  readonly segmentFetch: SegmentFetch
  readonly follower: LineFollower
  readonly window: PrefetchWindow
  readonly logger: Logger
  readonly clock: Clock
}

/** A segment on its way into `ready/`. */
interface Flight {
  readonly controller: AbortController
  readonly landed: Promise<boolean>
  waiters: number
}

interface ReadyFile {
  readonly sinceMs: number
  /** Counts looks into the folder: a file that came during one is not missed by it. */
  readonly look: number
}

/** A failure, or the end of what there is, is not asked about again before this. */
const PAUSE_MS = 1000
const MAX_PAUSE_MS = 30_000
/** After a full disk: whoever filled it needs it more. */
const FULL_PAUSE_MS = 10_000

/** Keeps `ready/` filled with the segments that PostgreSQL will ask for next. */
export class FetchAhead {
  readonly #options: FetchAheadOptions
  readonly #ready = new Map<WalFileName, ReadyFile>()
  readonly #flights = new Map<WalFileName, Flight>()
  /** Names that were not there, and when: only to know where to stop. Whoever asks for one makes a fetch of its own. */
  readonly #missing = new Map<WalFileName, number>()
  readonly #requested = new Set<WalFileName>()
  readonly #dropping = new Set<WalFileName>()
  #pauseMs = PAUSE_MS
  #pausedUntilMs = 0
  #fullUntilMs = 0
  #lookNumber = 0
  #looking: Promise<void> | undefined
  #lookAgain = false
  #freeBytes = 0
  #closed = false
  #lastTakenMs: number | undefined

  constructor(options: FetchAheadOptions) {
    this.#options = options
  }

  /** When PostgreSQL last took a segment by way of `bin/walr`; undefined before it did. */
  get lastTakenMs(): number | undefined {
    return this.#lastTakenMs
  }

  /**
   * A file for a client, when the segment is ready or on its way.
   * @returns its name in `given/`, or undefined when the segment has to be fetched by itself.
   */
  async claim(name: WalFileName, signal: AbortSignal): Promise<{ given: string; waited: boolean } | undefined> {
    const flight = this.#flights.get(name)
    if (flight !== undefined) {
      flight.waiters++
      try {
        if (!(await Promise.race([flight.landed, aborted(signal)]))) return undefined
      } finally {
        flight.waiters--
      }
    }
    const file = this.#ready.get(name)
    if (file === undefined) return undefined
    this.#ready.delete(name)
    const given = await this.#options.folder.giveReady(name)
    return given === undefined ? undefined : { given, waited: flight !== undefined }
  }

  /** A request takes care of this segment, so that it is not fetched twice. Returns the end of that. */
  reserve(name: WalFileName): () => void {
    this.#requested.add(name)
    return () => this.#requested.delete(name)
  }

  /** PostgreSQL had to wait. */
  stalled(): void {
    this.#options.window.stalled(this.#room())
  }

  /** A request went well: what kept segments from being fetched ahead may be over. */
  resume(): void {
    this.#pauseMs = PAUSE_MS
    this.#pausedUntilMs = 0
  }

  /** Looks which files `bin/walr` has taken, and goes on from there. */
  async look(): Promise<void> {
    this.#lookAgain = true
    this.#looking ??= this.#lookWhileNeeded().finally(() => (this.#looking = undefined))
    await this.#looking
  }

  /** One look at a time; what happens during one is seen by the next. */
  async #lookWhileNeeded(): Promise<void> {
    while (this.#lookAgain && !this.#closed) {
      this.#lookAgain = false
      await this.#lookOnce()
    }
  }

  async #lookOnce(): Promise<void> {
    const { folder, follower, window, clock } = this.#options
    const look = ++this.#lookNumber
    const present = await folder.listReady()
    const taken = [...this.#ready].filter(([name, file]) => file.look < look && !present.has(name))
    const { walSegmentSize } = follower
    for (const [name, file] of taken.toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      if (!this.#ready.delete(name) || walSegmentSize === undefined) continue
      this.#lastTakenMs = clock.nowMs()
      window.taken(this.#lastTakenMs - file.sinceMs)
      follower.segmentDelivered(name, walSegmentSize)
    }
    if (taken.length > 0) await this.goOn()
  }

  /** Removes what is not needed any more, and fetches what there is room for. To be called when anything has changed. */
  async goOn(): Promise<void> {
    if (this.#closed) return
    this.#freeBytes = await this.#options.folder.freeBytes()
    const keep = new Set(this.#options.follower.namesAhead(this.#room()).flat())
    for (const name of this.#ready.keys()) if (!keep.has(name)) this.#drop(name)
    for (const [name, flight] of this.#flights) {
      if (!keep.has(name) && flight.waiters === 0) flight.controller.abort()
    }
    this.#start()
  }

  /** Room is needed for something more important: nothing that was fetched ahead is kept. */
  makeRoom(): void {
    this.#fullUntilMs = this.#options.clock.nowMs() + FULL_PAUSE_MS
    for (const name of this.#ready.keys()) this.#drop(name)
    for (const flight of this.#flights.values()) if (flight.waiters === 0) flight.controller.abort()
  }

  /** Ends all fetches. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { controller } of this.#flights.values()) controller.abort()
    await Promise.all([...this.#flights.values()].map(({ landed }) => landed))
    await this.#looking?.catch(() => undefined)
  }

  #start(): void {
    const { follower, window, clock } = this.#options
    const { walSegmentSize } = follower
    const now = clock.nowMs()
    if (walSegmentSize === undefined || this.#closed || now < Math.max(this.#pausedUntilMs, this.#fullUntilMs)) return
    for (const [name, sinceMs] of this.#missing) if (now - sinceMs >= PAUSE_MS) this.#missing.delete(name)
    const room = this.#room()
    for (const names of follower.namesAhead(Math.min(room, window.segments))) {
      if (this.#flights.size >= window.parallel || this.#flights.size + this.#ready.size >= room) return
      const name = names.find((candidate) => !this.#missing.has(candidate))
      // The end of what there is, for the time being.
      if (name === undefined) return
      if (this.#isTakenCareOf(name)) continue
      const controller = new AbortController()
      const landed = this.#fetch(name, controller.signal)
      this.#flights.set(name, { controller, landed, waiters: 0 })
    }
  }

  #isTakenCareOf(name: WalFileName): boolean {
    return [this.#ready, this.#flights, this.#requested, this.#dropping].some((names) => names.has(name))
  }

  /** Resolves to whether it is ready; never rejects. */
  async #fetch(name: WalFileName, signal: AbortSignal): Promise<boolean> {
    const { segmentFetch, folder, clock, logger, follower } = this.#options
    let isThere = false
    try {
      const wanted = { kind: 'segment', name } as const
      const written = await segmentFetch.fetch(
        { wanted, partial: 'never', atGap: 'end' },
        follower.walSegmentSize,
        signal,
      )
      if (written === undefined) this.#missing.set(name, clock.nowMs())
      else if (signal.aborted) await folder.discard(written)
      else {
        const look = this.#lookNumber
        await folder.publish(written, name)
        this.#ready.set(name, { sinceMs: clock.nowMs(), look: this.#lookNumber })
        this.#pauseMs = PAUSE_MS
        isThere = true
        // It may have been taken already, before anybody knew that it was there.
        if (look !== this.#lookNumber) this.look().catch(() => this.#pause())
      }
    } catch (error) {
      // No failure is one before PostgreSQL asks for the segment: it may never do that.
      if (!signal.aborted) {
        logger.info(`segment ${name} could not be fetched ahead: ${systemErrorText(error)}`)
        if (isDiskFull(error)) this.makeRoom()
        else this.#pause()
      }
    }
    this.#flights.delete(name)
    if (!signal.aborted || isThere) void this.goOn().catch(() => this.#pause())
    return isThere
  }

  #pause(): void {
    this.#pausedUntilMs = this.#options.clock.nowMs() + this.#pauseMs
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS)
  }

  /** As long as it is being removed it is not fetched again: the new one would be removed. */
  #drop(name: WalFileName): void {
    this.#ready.delete(name)
    this.#dropping.add(name)
    const done = (): void => void this.#dropping.delete(name)
    this.#options.folder.removeReady(name).then(done, done)
  }

  /** How many segments may lie ahead. */
  #room(): number {
    const { window, follower } = this.#options
    const { walSegmentSize } = follower
    if (walSegmentSize === undefined) return 0
    const heldBytes = (this.#ready.size + this.#flights.size) * walSegmentSize
    return window.roomFor({ walSegmentSize, freeBytes: this.#freeBytes, heldBytes })
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error)
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
