import {
  StorageError,
  type ByteSource,
  type GetOptions,
  type HookContext,
  type ListOptions,
  type OperationOptions,
  type PutConfirmation,
  type PutOptions,
  type Storage,
  type StorageCapabilities,
  type StoredObject,
} from '@walr/core/plugin'
import { checkKey } from './check-key.ts'
import type { ToStorageError } from './error-meaning.ts'

/** The operations of a storage, as its service has them. Keys are checked, and signals end with the storage, too. */
export interface StorageDriver {
  readonly capabilities: StorageCapabilities
  put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation>
  get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>>
  head(key: string, signal: AbortSignal): Promise<StoredObject>
  list(prefix: string, options: ListOptions): AsyncIterable<StoredObject>
  delete(keys: readonly string[], signal: AbortSignal): Promise<void>
  /** Frees all connections. Called once, after all signals were aborted. */
  close(): Promise<void> | void
  readonly toStorageError: ToStorageError
}

/**
 * What every storage has to do beside its service: keys are checked, an aborted signal rejects with its own reason, every
 * other error becomes a `StorageError`, and disposing of the storage, or aborting the context's signal, ends what is under
 * way and refuses what comes.
 */
export class GuardedStorage implements Storage {
  readonly #driver: StorageDriver
  readonly #context: HookContext
  readonly #closed = new AbortController()
  #closing: Promise<void> | undefined

  constructor(driver: StorageDriver, context: HookContext) {
    this.#driver = driver
    this.#context = context
    if (context.signal.aborted) this.#closeUnasked()
    else context.signal.addEventListener('abort', this.#closeUnasked, { once: true })
  }

  get capabilities(): StorageCapabilities {
    return this.#driver.capabilities
  }

  put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    return this.#run(`could not store "${key}"`, options.signal, (signal) => {
      checkKey(key)
      return this.#driver.put(key, source, { ...options, signal })
    })
  }

  get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    return this.#run(`could not read "${key}"`, options.signal, (signal) => {
      checkKey(key)
      return this.#driver.get(key, { ...options, signal })
    })
  }

  head(key: string, { signal: outer }: OperationOptions): Promise<StoredObject> {
    return this.#run(`could not look at "${key}"`, outer, (signal) => {
      checkKey(key)
      return this.#driver.head(key, signal)
    })
  }

  async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, undefined> {
    const signal = this.#signalFor(options.signal)
    try {
      signal.throwIfAborted()
      for await (const object of this.#driver.list(prefix, { ...options, signal })) {
        yield object
        signal.throwIfAborted()
      }
    } catch (error) {
      signal.throwIfAborted()
      throw this.#driver.toStorageError(error, `could not list "${prefix}"`)
    }
  }

  delete(keys: readonly string[], { signal: outer }: OperationOptions): Promise<void> {
    return this.#run('could not delete objects', outer, (signal) => {
      for (const key of keys) checkKey(key)
      return this.#driver.delete(keys, signal)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }

  #close(): Promise<void> {
    this.#closing ??= this.#closeOnce()
    return this.#closing
  }

  async #closeOnce(): Promise<void> {
    this.#context.signal.removeEventListener('abort', this.#closeUnasked)
    this.#closed.abort(new StorageError('Permanent', 'the storage was closed'))
    await this.#driver.close()
  }

  readonly #closeUnasked = (): void => {
    this.#close().catch((error: unknown) => {
      const { message } = this.#driver.toStorageError(error, 'could not close the storage')
      this.#context.log.warning(message)
    })
  }

  async #run<T>(failed: string, outer: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = this.#signalFor(outer)
    signal.throwIfAborted()
    try {
      return await operation(signal)
    } catch (error) {
      signal.throwIfAborted()
      throw this.#driver.toStorageError(error, failed)
    }
  }

  /** Aborted with the caller's reason, or since the storage was closed. */
  #signalFor(outer: AbortSignal): AbortSignal {
    return outer.aborted ? outer : AbortSignal.any([outer, this.#closed.signal])
  }
}
