import { systemClock } from '../../archive/clock.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { deliverCopy } from '../../restore/deliver-copy.ts'
import type { WalRequest } from '../../restore/wal-request.ts'
import type { WalCopy } from '../../restore/wal-source.ts'
import { openRecovery, type RecoveryContext } from './open-recovery.ts'
import type { RecoverySettings } from './recovery-settings.ts'

/** Restores in this process. The sources are opened when they are needed, once; what fails is opened again. */
export class DirectWay implements AsyncDisposable {
  readonly #settings: RecoverySettings
  readonly #context: RecoveryContext
  readonly #closingMs: number
  #opening: ReturnType<typeof openRecovery> | undefined

  /** @param closingMs how long closing may take. */
  constructor(settings: RecoverySettings, context: RecoveryContext, closingMs = 2_000) {
    this.#settings = settings
    this.#context = context
    this.#closingMs = closingMs
  }

  /**
   * Puts a file to `path`, durably and all at once.
   * @param progress is called whenever bytes came.
   * @throws WalrError, or the signal's reason; nothing was delivered then.
   */
  async restore(
    request: WalRequest,
    path: string,
    signal: AbortSignal,
    progress: () => void,
  ): Promise<'delivered' | 'absent'> {
    const { fetcher } = await this.#open()
    const target = { disk: nodeDisk, path, sync: 'always', signal } as const
    return fetcher.fetch(request, (copy) => deliverCopy(withProgress(copy, progress), target), signal)
  }

  /** Does not wait for ever: PostgreSQL waits for the end of this process, and a plugin may have no end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new AbortController()
    const closing = this.#close().finally(() => closed.abort())
    await Promise.race([closing, systemClock.wait(this.#closingMs, closed.signal)])
  }

  async #close(): Promise<void> {
    try {
      const opened = await this.#opening
      await opened?.[Symbol.asyncDispose]()
    } catch (error) {
      // What was delivered was delivered, whatever goes wrong at the end of a connection.
      const text = error instanceof Error ? error.message : String(error)
      this.#context.logger.info(`could not close the sources of WAL: ${text}`)
    }
  }

  #open(): ReturnType<typeof openRecovery> {
    this.#opening ??= openRecovery(this.#settings, this.#context).catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }
}

function withProgress(copy: WalCopy, progress: () => void): WalCopy {
  const { description, isUnfinished, size } = copy
  return {
    ...{ description, isUnfinished, size },
    async *open(signal) {
      for await (const chunk of copy.open(signal)) {
        progress()
        yield chunk
      }
    },
  }
}
