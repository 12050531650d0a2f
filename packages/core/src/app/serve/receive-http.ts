import { resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { isWalrError } from '../../errors/walr-error.ts'
import type { HttpSettings } from '../../http/http-settings.ts'
import type { IdentityGuard } from '../../replication/receive-session.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { readIdentity, type DirectoryIdentity } from '../../wal/directory-identity.ts'
import { provesIdentity } from '../../wal/identity-proof.ts'
import { warnOfArchivedDirectory, warnOfUnservedArchive } from './unserved-archive.ts'
import { HttpThread } from './http-thread.ts'
import type { HttpStatus } from './http-status.ts'

/** The HTTP of a configuration. */
export interface ReceiveHttpSettings {
  readonly http: HttpSettings
  /** The configuration file that names the archive, absolute. What only the environment names is not served. */
  readonly archive: { readonly configPath: string } | 'none' | 'not-in-a-file'
}

export interface ReceiveHttpOptions {
  readonly disk: Disk
  readonly directory: string
  readonly settings: ReceiveHttpSettings
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** How long the storage of the archive may be silent. */
const TIMEOUT_MS = 20_000

/** What `walr serve` does, beside a receiver, in a thread of its own. */
export class ReceiveHttp {
  readonly #options: ReceiveHttpOptions
  readonly #thread: HttpThread
  #listener: (() => void) | undefined

  private constructor(options: ReceiveHttpOptions) {
    const { settings, environment, logger } = options
    const onStatus = (): void => this.#listener?.()
    this.#options = options
    // The environment is a special object, and the thread may change its own.
    this.#thread = new HttpThread({ http: settings.http, environment: { ...environment } }, { logger, onStatus })
  }

  /**
   * Listens. WAL is served at once when the directory says whose WAL it holds and its files agree; until it does requests
   * are answered with "unknown".
   * @throws WalrError WALR_HTTP_LISTEN when the address is in use; the reason of `signal`
   */
  static async start(options: ReceiveHttpOptions): Promise<ReceiveHttp> {
    const http = new ReceiveHttp(options)
    const { signal, settings, logger, directory } = options
    if (settings.archive === 'not-in-a-file') warnOfUnservedArchive(logger)
    if (settings.archive === 'none') await warnOfArchivedDirectory(directory, logger)
    try {
      await http.#thread.start(signal)
      await http.#beginIfProven()
      return http
    } catch (error) {
      await http.stop(0)
      throw error
    }
  }

  get status(): HttpStatus {
    return this.#thread.status
  }

  /** @param listener told now, and whenever the status has changed. */
  onStatus(listener: () => void): void {
    this.#listener = listener
    listener()
  }

  /** A guard that also tells the server whose WAL it is. */
  watch(guard: IdentityGuard): IdentityGuard {
    return {
      check: (server) => guard.check(server),
      keep: async (server) => {
        await guard.keep(server)
        this.#begin(server)
      },
    }
  }

  /** Running downloads end, for at most `graceMs`. */
  stop(graceMs: number): Promise<void> {
    return this.#thread.stop(graceMs)
  }

  /** What is wrong with the directory is the receiver's to say. */
  async #beginIfProven(): Promise<void> {
    const { disk, directory, logger } = this.#options
    try {
      const identity = await readIdentity(disk, directory)
      if (identity && (await provesIdentity(disk, directory, identity))) this.#begin(identity)
    } catch (error) {
      if (!isWalrError(error)) throw error
      logger.warning(`http: ${error.message}`, { code: error.code, hint: error.hint })
    }
  }

  #begin({ systemIdentifier }: DirectoryIdentity): void {
    const { directory, settings } = this.#options
    const { archive } = settings
    this.#thread.begin({
      directory: resolve(directory),
      ...(typeof archive === 'object' && archive),
      archiveOnly: false,
      systemIdentifier,
      timeoutMs: TIMEOUT_MS,
    })
  }
}
