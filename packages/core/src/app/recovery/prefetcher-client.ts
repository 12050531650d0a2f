import { join, resolve } from 'node:path'
import { nodeDisk } from '../../disk/node-disk.ts'
import { prefetchArguments, type PrefetchArguments } from '../../restore/prefetch/prefetch-arguments.ts'
import { prefetchPlace, type PrefetchPlace } from '../../restore/prefetch/prefetch-place.ts'
import type { RestoreOptions } from '../../restore/restore-arguments.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { RecoverySettings } from './recovery-settings.ts'

/** A call of restore-command, as the prefetcher has to know it. */
export interface PrefetcherCall {
  /** What follows `restore-command`. */
  readonly argv: readonly string[]
  readonly options: RestoreOptions
  readonly atGap: 'stop' | 'end'
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workingDirectory: string
  readonly logger: Logger
}

/** The prefetcher as a call of restore-command sees it. What it takes to speak with one is loaded when there is one. */
export class PrefetcherClient {
  readonly #call: PrefetcherCall
  readonly #place: PrefetchPlace
  readonly #arguments: PrefetchArguments
  readonly #targetPath: string
  #isThere = false

  private constructor(call: PrefetcherCall, place: PrefetchPlace) {
    this.#call = call
    this.#place = place
    this.#arguments = prefetchArguments(call.argv, call.options, call.environment)
    this.#targetPath = resolve(call.workingDirectory, call.options.targetPath)
  }

  /** @returns undefined when nothing is prefetched for this call: it is not PostgreSQL's recovery, or it wants none. */
  static async of(call: PrefetcherCall): Promise<PrefetcherClient | undefined> {
    if (call.options.prefetchBytes === 0) return undefined
    const place = await prefetchPlace(nodeDisk, call.workingDirectory, call.options.targetPath)
    return place && new PrefetcherClient(call, place)
  }

  /**
   * Asks for the file; what is delivered is at the target then.
   * @returns undefined when it has to be done without a prefetcher.
   * @throws WalrError as the sources would; the signal's reason.
   */
  async ask(signal: AbortSignal, progress: () => void): Promise<'delivered' | 'absent' | undefined> {
    const { logger, workingDirectory, options, atGap } = this.#call
    const socket = await nodeDisk.stat(join(workingDirectory, this.#place.socket)).catch(() => undefined)
    if (socket === undefined) return undefined
    const { askPrefetcher } = await import('../../restore/prefetch/ask-prefetcher.ts')
    const { fileName: name, partial } = options
    const request = { name, partial, atGap, identity: this.#arguments.identity, targetPath: this.#targetPath }
    const answer = await askPrefetcher(this.#place, request, { disk: nodeDisk, logger, signal, progress })
    this.#isThere = answer !== undefined
    if (answer === undefined || answer.kind === 'direct') return undefined
    logger.debug(`answered by the prefetcher: ${answer.kind}`)
    if (answer.kind === 'failed') throw answer.error
    return answer.kind
  }

  /** After it was done without: leaves a prefetcher behind, when there is none. */
  async leave(settings: RecoverySettings, outcome: 'delivered' | 'absent'): Promise<void> {
    if (this.#isThere) return
    const { leavePrefetcher } = await import('./prefetcher-start.ts')
    const { options } = this.#call
    const start = {
      settings,
      place: this.#place,
      arguments: this.#arguments,
      maxBytes: options.prefetchBytes,
      isVerbose: options.verbose,
    }
    const delivered = { fileName: options.fileName, targetPath: this.#targetPath }
    await leavePrefetcher(start, outcome === 'delivered' ? delivered : undefined)
  }
}
