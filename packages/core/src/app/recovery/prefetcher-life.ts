import { join } from 'node:path'
import { systemClock } from '../../archive/clock.ts'
import { boundedLog } from '../../disk/bounded-log.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { watchDirectory } from '../../disk/watch-directory.ts'
import { GenerationFolder } from '../../restore/prefetch/generation-folder.ts'
import { runningPlace } from '../../restore/prefetch/prefetch-place.ts'
import { PrefetchServer } from '../../restore/prefetch/prefetch-server.ts'
import { Prefetcher } from '../../restore/prefetch/prefetcher.ts'
import { WarningsForClients } from '../../restore/prefetch/warnings-for-clients.ts'
import { createTextLogger } from '../../telemetry/text-logger.ts'
import { isWalFileName } from '../../wal/wal-file-name.ts'
import { isWalSegmentSize } from '../../wal/wal-segment-size.ts'
import { fingerprintsOf } from './prefetcher-fingerprints.ts'
import type { OpenedRecovery } from './open-recovery.ts'
import type { PrefetcherStart } from './prefetcher-start.ts'

export interface PrefetcherContext {
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Nobody asks any more: recovery has ended, or the standby streams. */
const IDLE_MS = 60_000
const TICK_MS = 500

/** What the prefetcher was to open cannot be opened; restore-command knows better how to tell. */
class NotOpened extends Error {}

/** A prefetcher from its first request to its end. */
export class PrefetcherLife {
  readonly #start: PrefetcherStart
  readonly #context: PrefetcherContext
  readonly #folder: GenerationFolder
  readonly #warnings: WarningsForClients
  readonly #ended = Promise.withResolvers<'done' | 'unable'>()
  readonly #work = new AbortController()
  #recovery: Promise<OpenedRecovery> | undefined
  #opened: OpenedRecovery | undefined
  #fingerprints = ''

  constructor(start: PrefetcherStart, context: PrefetcherContext) {
    this.#start = start
    this.#context = context
    this.#folder = new GenerationFolder(nodeDisk, start.place.generation)
    const stream = boundedLog(join(start.place.generation, 'prefetch.log'))
    this.#warnings = new WarningsForClients(createTextLogger({ verbosity: start.isVerbose ? 2 : 1, stream }))
  }

  /** Works until there is a reason to end. The folder is then somebody else's to remove. */
  async live(): Promise<'done' | 'unable'> {
    const {
      place,
      arguments: { identity, line },
      maxBytes,
    } = this.#start
    const logger = this.#warnings
    const prefetcher = new Prefetcher({
      fetcher: async () => (await this.#open()).fetcher,
      folder: this.#folder,
      maxBytes,
      logger,
      clock: systemClock,
    })
    const server = new PrefetchServer({
      identity,
      request: (request, signal) => prefetcher.request(request, signal),
      release: (given) => this.#folder.removeGiven(given),
      takeWarnings: () => this.#warnings.take(),
      receivedBytes: () => this.#folder.writtenBytes,
      isUpToDate: () => this.#isUpToDate(),
      onOutdated: (why) => this.#end(why),
    })
    const stop = (): void => this.#end('asked to end')
    this.#context.signal.addEventListener('abort', stop, { once: true })
    const watching: (() => void)[] = []
    try {
      await this.#folder.prepare()
      this.#open().catch(() => undefined)
      await nodeDisk.remove(place.socket)
      await server.listen(place.socket)
      if (line !== undefined) await this.#folder.announce(line)
      logger.info(`works for ${place.generation}`)
      watching.push(watchDirectory(this.#folder.readyPath, () => this.#look(prefetcher)))
      const ticker = setInterval(() => void this.#tick(prefetcher), TICK_MS)
      watching.push(() => clearInterval(ticker))
      await this.#begin(prefetcher)
      return await this.#ended.promise
    } catch (error) {
      logger.error(`cannot work: ${error instanceof Error ? error.message : String(error)}`)
      return 'unable'
    } finally {
      for (const end of watching) end()
      this.#context.signal.removeEventListener('abort', stop)
      this.#work.abort()
      await server.close()
      await prefetcher.close()
      await this.#opened?.[Symbol.asyncDispose]()
    }
  }

  #open(): Promise<OpenedRecovery> {
    this.#recovery ??= this.#openNow().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      this.#end(`cannot open: ${why}`, 'unable')
      throw new NotOpened(why, { cause: error })
    })
    return this.#recovery
  }

  async #openNow(): Promise<OpenedRecovery> {
    const { openRecovery } = await import('./open-recovery.ts')
    const { environment } = this.#context
    const opened = await openRecovery(this.#start.settings, {
      logger: this.#warnings,
      signal: this.#work.signal,
      environment,
    })
    this.#opened = opened
    this.#fingerprints = await fingerprintsOf(nodeDisk, opened.dependsOn)
    return opened
  }

  /** Goes on behind what PostgreSQL was given before. */
  async #begin(prefetcher: Prefetcher): Promise<void> {
    const { name = '', walSegmentSize = 0 } = this.#start.delivered ?? {}
    if (!isWalFileName(name) || !isWalSegmentSize(walSegmentSize)) return
    await prefetcher.segmentDelivered(name, walSegmentSize)
  }

  async #tick(prefetcher: Prefetcher): Promise<void> {
    try {
      this.#look(prefetcher)
      await this.#folder.speak()
      const running = await runningPlace(nodeDisk, process.cwd())
      if (running?.generation !== this.#start.place.generation) this.#end('PostgreSQL has ended')
      else if (prefetcher.idleMs >= IDLE_MS) this.#end('nobody asks any more')
      else if (!(await this.#isUpToDate())) this.#end('the configuration has changed')
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error))
    }
  }

  async #isUpToDate(): Promise<boolean> {
    const { dependsOn = [] } = this.#opened ?? {}
    return this.#opened === undefined || (await fingerprintsOf(nodeDisk, dependsOn)) === this.#fingerprints
  }

  #look(prefetcher: Prefetcher): void {
    prefetcher.look().catch((error: unknown) => this.#end(error instanceof Error ? error.message : String(error)))
  }

  #end(why: string, how: 'done' | 'unable' = 'done'): void {
    this.#warnings.info(`ends: ${why}`)
    this.#ended.resolve(how)
  }
}
