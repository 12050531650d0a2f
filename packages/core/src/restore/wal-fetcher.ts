import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { FetchAttempt } from './fetch-attempt.ts'
import type { TakeCopy, WalRequest } from './wal-request.ts'
import type { WalSource } from './wal-source.ts'

export type { TakeCopy, WalRequest } from './wal-request.ts'

/** A finished segment's file changes its name once at most while it is looked for. */
const ATTEMPTS = 5

/** Gets files from several sources, the first of which are the freshest. Many fetches may be under way at once. */
export class WalFetcher {
  readonly #sources: readonly WalSource[]
  readonly #logger: Logger

  constructor({ sources, logger }: { readonly sources: readonly WalSource[]; readonly logger: Logger }) {
    this.#sources = sources
    this.#logger = logger
  }

  /**
   * Tries the finished copies of all sources in order, then unfinished ones. `take` gets one copy after the other until it
   * resolves for one; when a copy turns out to be bad while it is read, `take` must reject, and gets the next one. A copy
   * that is damaged is told in the log when another one was good.
   * @returns `absent` only when every source has proven that it has no such file (law 2).
   * @throws WalrError and whatever else was in the way; what `take` rejects with for reasons of its own.
   */
  async fetch(request: WalRequest, take: TakeCopy, signal: AbortSignal): Promise<'delivered' | 'absent'> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      signal.throwIfAborted()
      const context = { sources: this.#sources, logger: this.#logger, request, take, signal }
      const outcome = await new FetchAttempt(context).run()
      if (outcome !== 'changed') return outcome
    }
    const places = this.#sources.map(({ description }) => description).join(' and ')
    throw new WalrError('WALR_DIRECTORY', `file "${request.wanted.name}" comes and goes in ${places}`, {
      hint: 'Another program seems to move files there.',
    })
  }
}
