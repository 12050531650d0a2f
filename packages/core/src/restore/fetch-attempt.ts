import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { failureKind } from './failure-kind.ts'
import { VanishedFile } from './vanished-file.ts'
import type { TakeCopy, WalRequest } from './wal-request.ts'
import type { WalCopy, WalSource } from './wal-source.ts'
import type { WantedSegment } from './wanted-file.ts'

export interface FetchContext {
  readonly sources: readonly WalSource[]
  readonly logger: Logger
  readonly request: WalRequest
  readonly take: TakeCopy
  readonly signal: AbortSignal
}

/**
 * Asks the sources once. A segment that leaves the receive directory was confirmed by the archive before that. So this
 * order finds it wherever it is: the directory's finished files, the archive, the directory's open segment. One that is
 * finished, archived and removed between these questions is in none of the answers; but then the directory had shown it
 * before the archive was asked, and shows it no more at the end, and everything is asked again.
 */
export class FetchAttempt {
  readonly #context: FetchContext
  /** Copies that were bad, and sources that could not be asked. */
  readonly #troubles: unknown[] = []
  /** Sources that had shown the file before later ones were asked, or could not say. */
  readonly #showing: WalSource[] = []
  #vanished = false

  constructor(context: FetchContext) {
    this.#context = context
  }

  /** @returns `changed` when everything has to be asked again. */
  async run(): Promise<'delivered' | 'absent' | 'changed'> {
    const { sources, request, signal } = this.#context
    for (const [index, source] of sources.entries()) {
      if (await this.#takeFinished(source)) return 'delivered'
      signal.throwIfAborted()
      if (index < sources.length - 1) await this.#noteShowing(source)
    }
    this.#throwTroubles()
    if (this.#vanished) return 'changed'
    const { wanted, partial } = request
    if (wanted.kind === 'segment' && partial === 'auto') {
      const outcome = await this.#takeUnfinished(wanted)
      if (outcome !== 'none') return outcome
    }
    return this.#proveAbsence()
  }

  async #takeFinished(source: WalSource): Promise<boolean> {
    const { request, signal, logger } = this.#context
    try {
      for await (const copy of source.finished(request.wanted, signal)) {
        const taken = await this.#take(copy)
        if (taken.kind === 'failed') throw new TakerFailed(taken.error)
        if (taken.kind === 'bad') continue
        for (const trouble of this.#troubles) {
          const { message, code, hint } = asWalrError(trouble)
          logger.warning(`${message}; ${copy.description} was taken instead`, { code, hint })
        }
        return true
      }
    } catch (error) {
      if (error instanceof TakerFailed) throw error.cause
      if (signal.aborted) throw signal.reason
      if (error instanceof VanishedFile) this.#vanished = true
      else this.#troubles.push(error)
    }
    return false
  }

  /** Only what failed in the reading of the copy is the copy's fault; a full disk at the other end is not. */
  async #take(
    copy: WalCopy,
  ): Promise<{ readonly kind: 'taken' | 'bad' } | { readonly kind: 'failed'; error: unknown }> {
    const { take, signal } = this.#context
    const fault: { error?: unknown } = {}
    const { description, isUnfinished, size } = copy
    const watched = { description, isUnfinished, size, open: (inner: AbortSignal) => noting(copy, inner, fault) }
    try {
      await take(watched)
      if (!('error' in fault)) return { kind: 'taken' }
    } catch (error) {
      if (!('error' in fault)) return { kind: 'failed', error }
    }
    if (signal.aborted) return { kind: 'failed', error: signal.reason }
    if (fault.error instanceof VanishedFile) this.#vanished = true
    else this.#troubles.push(fault.error)
    return { kind: 'bad' }
  }

  async #noteShowing(source: WalSource): Promise<void> {
    if (source.shows === undefined) return
    const shows = await source.shows(this.#context.request.wanted).catch(() => true)
    if (shows) this.#showing.push(source)
  }

  /** An open segment counts only when no source has more WAL of its timeline. */
  async #takeUnfinished(wanted: WantedSegment): Promise<'delivered' | 'changed' | 'none'> {
    const { sources, signal, logger } = this.#context
    for (const source of sources) {
      const copy = await unlessVanished(() => source.unfinished(wanted.name, signal))
      if (copy === 'vanished') return 'changed'
      if (copy === undefined) continue
      for (const other of sources) {
        if (other === source) continue
        // A place that has nothing because it is the wrong one may have more.
        if ((await other.confirmAbsence?.(wanted, signal)) === false) return 'changed'
        if (!(await other.isFollowed?.(wanted, signal))) continue
        throw new WalrError(
          'WALR_SEGMENT_CORRUPT',
          `segment ${wanted.name} is unfinished (${copy.description}), but later ones of its timeline are in ${other.description}`,
          { hint: 'Fetch the segment from another copy, or give --no-partial to let WAL end before it.' },
        )
      }
      const taken = await this.#take(copy)
      if (taken.kind === 'failed') throw taken.error
      if (taken.kind === 'bad') {
        this.#throwTroubles()
        return 'changed'
      }
      logger.info(`delivered unfinished segment: ${copy.description}`)
      return 'delivered'
    }
    return 'none'
  }

  async #proveAbsence(): Promise<'absent' | 'changed'> {
    const { sources, request, signal, logger } = this.#context
    const { wanted, atGap } = request
    for (const source of sources) {
      if ((await source.confirmAbsence?.(wanted, signal)) === false) return 'changed'
    }
    for (const source of this.#showing) if ((await source.shows?.(wanted)) === false) return 'changed'
    if (wanted.kind !== 'segment') return 'absent'
    for (const source of sources) {
      if (!(await source.isFollowed?.(wanted, signal))) continue
      const text = `segment ${wanted.name} is missing, but later ones of its timeline are in ${source.description}`
      if (atGap !== 'end') throw new WalrError('WALR_WAL_GAP', text, { hint: GAP_HINT })
      logger.warning(text)
    }
    return 'absent'
  }

  /** An outage goes first: when it is over, what is missing may be there. */
  #throwTroubles(): void {
    const [first] = this.#troubles
    if (first === undefined) return
    const worst: unknown = this.#troubles.find((trouble) => failureKind(trouble) === 'outage') ?? first
    const others = this.#troubles.filter((trouble) => trouble !== worst)
    if (others.length === 0) throw worst
    const { code, message, detail, hint } = asWalrError(worst)
    const all = [...(detail === undefined ? [] : [detail]), ...others.map((trouble) => asWalrError(trouble).message)]
    throw new WalrError(code, message, { detail: all.join('\n'), hint, cause: worst })
  }
}

const GAP_HINT =
  'Bring the segment back from another copy, or give --at-gap=end to let the recovery end before it: what is behind it is lost to it.'

/** Carries what the taker rejected with past those who look for faults of a source. */
class TakerFailed extends Error {
  constructor(cause: unknown) {
    super('the taker failed', { cause })
  }
}

async function* noting(
  copy: WalCopy,
  signal: AbortSignal,
  fault: { error?: unknown },
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of copy.open(signal)) yield chunk
  } catch (error) {
    fault.error = error
    throw error
  }
}

async function unlessVanished<T>(ask: () => Promise<T>): Promise<T | 'vanished'> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof VanishedFile) return 'vanished'
    throw error
  }
}

function asWalrError(error: unknown): WalrError {
  if (isWalrError(error)) return error
  return new WalrError('WALR_INTERNAL', error instanceof Error ? error.message : String(error), { cause: error })
}
