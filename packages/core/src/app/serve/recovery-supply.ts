import type { ServedWal, WalSupply } from '../../http/wal-supply.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { SystemIdentifier } from '../../wal/system-identifier.ts'
import { openRecovery, type OpenedRecovery } from '../recovery/open-recovery.ts'
import type { RecoverySettings } from '../recovery/recovery-settings.ts'
import { ownerByItsWal } from './owner-by-its-wal.ts'

export interface RecoverySupplyOptions {
  readonly logger: Logger
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Told why it could not be opened, and `undefined` when it was. */
  readonly onOutcome?: (error: WalrError | undefined) => void
  readonly now?: () => number
}

/** A failure is the answer for so long: what it takes to open does not come back in between. */
const RETRY_MS = 1000

/**
 * The sources of recovery, opened for the first request and kept. What cannot be opened is tried again with later requests.
 */
export class RecoverySupply implements WalSupply, AsyncDisposable {
  readonly #options: RecoverySupplyOptions
  readonly #stop = new AbortController()
  #settings: RecoverySettings | undefined
  #opening: Promise<ServedRecovery> | undefined
  #failure: { readonly error: unknown; readonly at: number } | undefined

  constructor(options: RecoverySupplyOptions) {
    this.#options = options
  }

  /** From here on there is something to ask. The first call counts. */
  begin(settings: RecoverySettings): void {
    this.#settings ??= settings
  }

  async open(): Promise<ServedWal> {
    const settings = this.#settings
    if (settings === undefined) {
      throw new WalrError('WALR_SERVE_UNAVAILABLE', 'it is not known yet whose WAL the receive directory holds', {
        hint: 'Serving begins when the server has said it.',
      })
    }
    const { now = performance.now.bind(performance) } = this.#options
    if (this.#failure !== undefined && now() - this.#failure.at < RETRY_MS) throw this.#failure.error
    this.#opening ??= this.#open(settings).catch((error: unknown) => {
      this.#opening = undefined
      this.#failure = { error, at: now() }
      const { code, message } = isWalrError(error) ? error : { code: 'WALR_INTERNAL' as const, message: String(error) }
      this.#options.onOutcome?.(new WalrError(code, message, { cause: error }))
      throw error
    })
    return this.#opening
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException('walr is stopping', 'AbortError'))
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.close()
  }

  async #open(settings: RecoverySettings): Promise<ServedRecovery> {
    const { logger, environment, onOutcome } = this.#options
    const opened = await openRecovery(settings, { logger, environment, signal: this.#stop.signal })
    onOutcome?.(undefined)
    return new ServedRecovery(opened, settings)
  }
}

/** Asks whose WAL it is no more often than necessary. */
class ServedRecovery implements ServedWal {
  readonly #opened: OpenedRecovery
  readonly #settings: RecoverySettings
  #systemIdentifier: SystemIdentifier | undefined

  constructor(opened: OpenedRecovery, settings: RecoverySettings) {
    this.#opened = opened
    this.#settings = settings
    this.#systemIdentifier = opened.systemIdentifier
  }

  get fetcher(): OpenedRecovery['fetcher'] {
    return this.#opened.fetcher
  }

  get systemIdentifier(): SystemIdentifier | undefined {
    return this.#systemIdentifier
  }

  get lacksArchive(): boolean {
    return this.#settings.configPath === undefined
  }

  async identify(signal: AbortSignal): Promise<SystemIdentifier | undefined> {
    const { directory } = this.#settings
    this.#systemIdentifier ??= (await this.#opened.identify(signal)).systemIdentifier
    if (directory !== undefined) this.#systemIdentifier ??= await ownerByItsWal(directory, this.#opened.fetcher, signal)
    return this.#systemIdentifier
  }

  close(): PromiseLike<void> {
    return this.#opened[Symbol.asyncDispose]()
  }
}
