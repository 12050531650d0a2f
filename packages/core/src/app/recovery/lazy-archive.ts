import type { OpenArchive } from '../../restore/archive-system.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { OpenedArchive } from '../archive/open-archive.ts'

export interface LazyArchiveOptions {
  /** The configuration file; absolute. */
  readonly configPath: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  /** Ends all plugins. */
  readonly signal: AbortSignal
  /** How long one call of the storage may be without progress. */
  readonly stallTimeoutMs: number
}

/** The archive of a configuration, opened when it is needed. Schema, plugins and SDKs are not loaded before. */
export class LazyArchive implements AsyncDisposable {
  readonly #options: LazyArchiveOptions
  #opening: Promise<(OpenArchive & AsyncDisposable) | undefined> | undefined

  constructor(options: LazyArchiveOptions) {
    this.#options = options
  }

  /**
   * Opens it, once; what failed is tried again by the next call.
   * @returns undefined when the configuration has no archive.
   * @throws WalrError WALR_CONFIG, WALR_PLUGIN, WALR_KEY
   */
  open(): Promise<OpenArchive | undefined> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined)
    await opened?.[Symbol.asyncDispose]()
  }

  async #open(): Promise<(OpenArchive & AsyncDisposable) | undefined> {
    const { configPath, environment, logger, signal, stallTimeoutMs } = this.#options
    const [{ loadConfig }, { openArchive }] = await Promise.all([
      import('../../config/load-config.ts'),
      import('../archive/open-archive.ts'),
    ])
    const places = { path: configPath, environment, workingDirectory: '/', search: false }
    const { config, file, baseDirectory } = await loadConfig(places)
    const { archive, plugins, cluster } = config
    if (archive === undefined) return undefined
    const settings = { archive, plugins, configFile: file, baseDirectory }
    // Whoever waits for WAL tries again by itself, for as long as it was told to.
    const calls = { attempts: 1, stallTimeoutMs, openTimeoutMs: Math.min(5_000, stallTimeoutMs) }
    const opened: OpenedArchive = await openArchive(settings, { logger: forReaders(logger), signal, calls })
    const { storage, codecs } = opened
    return { storage, codecs, cluster, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
  }
}

/** What plugins warn of when they are opened is about writing, and would be in PostgreSQL's log for each segment. */
function forReaders(logger: Logger): Logger {
  return {
    error: (message, extra) => logger.error(message, extra),
    warning: (message, extra) => logger.info(message, extra),
    notice: (message, extra) => logger.info(message, extra),
    info: (message, extra) => logger.info(message, extra),
    debug: (message, extra) => logger.debug(message, extra),
  }
}
