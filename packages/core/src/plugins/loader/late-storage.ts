import { isWalrError } from '../../errors/walr-error.ts'
import {
  isOptionsError,
  isStorageError,
  StorageError,
  type ByteSource,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PutConfirmation,
  type PutOptions,
  type Storage,
  type StorageCapabilities,
  type StoredObject,
} from '../contract/index.ts'
import type { CallOptions } from './call-options.ts'
import { inTime } from './in-time.ts'
import { unlessAborted } from './unless-aborted.ts'

interface Attempt {
  readonly opening: Promise<Storage>
  readonly sinceMs: number
}

/**
 * A plugin's storage that was not opened in time. Its operations are those of the storage as soon as there is one; until
 * then they reject, with `Transient` while its plugin has not answered. An attempt to open it that failed is repeated by the
 * next operation; there is never more than one under way.
 */
export class LateStorage implements Storage {
  readonly #open: () => Promise<Storage>
  readonly #options: Pick<CallOptions, 'openTimeoutMs' | 'clock'>
  #attempt: Attempt | undefined
  #storage: Storage | undefined
  #closed = false

  /** @param first the attempt that takes so long. */
  constructor(first: Attempt, open: () => Promise<Storage>, options: Pick<CallOptions, 'openTimeoutMs' | 'clock'>) {
    this.#open = open
    this.#options = options
    this.#begin(first)
  }

  /** @throws StorageError Transient until it is open. */
  get capabilities(): StorageCapabilities {
    if (this.#storage) return this.#storage.capabilities
    throw this.#notOpen('its capabilities are not known')
  }

  async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    return (await this.#opened(options.signal)).put(key, source, options)
  }

  async get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#opened(options.signal)).get(key, options)
  }

  async head(key: string, options: OperationOptions): Promise<StoredObject> {
    return (await this.#opened(options.signal)).head(key, options)
  }

  async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, undefined> {
    yield* (await this.#opened(options.signal)).list(prefix, options)
  }

  async delete(keys: readonly string[], options: OperationOptions): Promise<void> {
    return (await this.#opened(options.signal)).delete(keys, options)
  }

  /** What is opened only after that is closed then. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#storage?.[Symbol.asyncDispose]()
  }

  async #opened(signal: AbortSignal): Promise<Storage> {
    if (this.#storage) return this.#storage
    if (this.#closed) throw new StorageError('Permanent', 'the storage was closed')
    const { clock, openTimeoutMs } = this.#options
    const attempt = this.#attempt ?? this.#begin({ opening: this.#open(), sinceMs: clock.now() })
    const leftMs = Math.max(0, attempt.sinceMs + openTimeoutMs - clock.now())
    const storage = await unlessAborted(inTime(attempt.opening, leftMs, clock), signal).catch((error: unknown) => {
      throw signal.aborted ? error : openingFailure(error)
    })
    if (storage) return storage
    throw this.#notOpen(`its plugin has not answered for ${Math.round((clock.now() - attempt.sinceMs) / 1000)} s`)
  }

  #begin(attempt: Attempt): Attempt {
    this.#attempt = attempt
    this.#await(attempt).catch(() => undefined)
    return attempt
  }

  async #await({ opening }: Attempt): Promise<void> {
    try {
      this.#storage = await opening
    } finally {
      this.#attempt = undefined
    }
    if (this.#closed) await this.#storage[Symbol.asyncDispose]()
  }

  #notOpen(why: string): StorageError {
    return new StorageError('Transient', `the storage is not open yet: ${why}`)
  }
}

/**
 * Nobody but the user can correct options, or a plugin that makes no storage; other failures may pass. What is said to be
 * absent here is no object (law 2).
 */
function openingFailure(error: unknown): StorageError {
  const cause = isWalrError(error) ? error.cause : error
  const message = error instanceof Error ? error.message : String(error)
  const { code, retryAfterMs } = isStorageError(cause) ? cause : { code: undefined, retryAfterMs: undefined }
  if (code === 'AccessDenied' || code === 'Transient')
    return new StorageError(code, message, { cause: error, retryAfterMs })
  const isLasting = code !== undefined || isOptionsError(cause) || cause === undefined
  return new StorageError(isLasting ? 'Permanent' : 'Transient', message, { cause: error })
}
