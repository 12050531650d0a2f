import { keyPrefixFault, objectKeyFault } from '../../builtin/object-key.ts'
import { WalrError } from '../../errors/walr-error.ts'
import {
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
import { sleep } from './call-clock.ts'
import { CallGuard } from './call-guard.ts'
import type { CallOptions, PluginCall } from './call-options.ts'
import { LoadedChunks } from './loaded-chunks.ts'
import { RetryBudget, withRetries } from './retry-budget.ts'
import type { SecretMask } from './secret-mask.ts'
import { checkedConfirmation, checkedListed, checkedObject } from './storage-answers.ts'
import { storageFailure } from './storage-failure.ts'
import { WatchedSource } from './watched-source.ts'

/** How many keys a plugin is given at a time to delete, so that each call shows progress. */
const DELETE_KEYS = 1000

type Operation = 'put' | 'get' | 'head' | 'list' | 'delete'

/**
 * A plugin's storage as core uses it: keys and answers checked, calls timed and watched, `Transient` failures repeated for
 * a while, and no errors but StorageErrors that name plugin, operation and key, the reason of the caller's signal, and
 * those of a put's own source, which pass unchanged.
 * @throws WalrError WALR_INTERNAL for arguments that the contract does not allow.
 */
export class LoadedStorage implements Storage {
  readonly #inner: Storage
  readonly #plugin: string
  readonly #mask: SecretMask
  readonly #options: CallOptions

  constructor(inner: Storage, plugin: string, mask: SecretMask, options: CallOptions) {
    this.#inner = inner
    this.#plugin = plugin
    this.#mask = mask
    this.#options = options
  }

  get capabilities(): StorageCapabilities {
    return this.#inner.capabilities
  }

  async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    checkKey(key)
    try {
      return await withRetries(() => this.#putOnce(key, source, options), this.#options, options.signal)
    } catch (error) {
      if (error instanceof SourceFailed) throw error.cause
      throw error
    }
  }

  async get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    checkKey(key)
    checkRange(options)
    return withRetries(() => this.#getOnce(key, options), this.#options, options.signal)
  }

  async head(key: string, { signal }: OperationOptions): Promise<StoredObject> {
    checkKey(key)
    return this.#call('head', key, signal, async (guard) => {
      const object = checkedObject(await guard.run(() => this.#inner.head(key, { signal: guard.signal })))
      if (object.key !== key) throw new StorageError('Permanent', `the plugin answered for "${object.key}"`)
      return object
    })
  }

  async *list(prefix: string, { startAfter, signal }: ListOptions): AsyncGenerator<StoredObject, void, undefined> {
    const fault = keyPrefixFault(prefix)
    if (fault !== undefined) throw new WalrError('WALR_INTERNAL', `key prefix "${prefix}" ${fault}`)
    let last = startAfter
    let budget = new RetryBudget(this.#options)
    for (;;) {
      const failure: { error?: unknown } = {}
      for await (const object of this.#listOnce(prefix, last, signal, failure)) {
        last = object.key
        budget = new RetryBudget(this.#options)
        yield object
      }
      if (!('error' in failure)) return
      const delayMs = signal.aborted ? undefined : budget.delayAfter(failure.error)
      if (delayMs === undefined) throw failure.error
      await sleep(this.#options.clock, delayMs, signal)
    }
  }

  async delete(keys: readonly string[], { signal }: OperationOptions): Promise<void> {
    for (const key of keys) checkKey(key)
    for (let at = 0; at < keys.length; at += DELETE_KEYS) {
      const some = keys.slice(at, at + DELETE_KEYS)
      const key = some.length === 1 ? some[0] : undefined
      await this.#call('delete', key, signal, (guard) =>
        guard.run(() => this.#inner.delete(some, { signal: guard.signal })),
      )
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#inner[Symbol.asyncDispose]()
    } catch (error) {
      throw storageFailure(error, { plugin: this.#plugin, operation: 'close', key: undefined, mask: this.#mask })
    }
  }

  #putOnce(key: string, source: ByteSource, { ifAbsent, signal }: PutOptions): Promise<PutConfirmation> {
    return this.#attempt('put', key, signal, async (guard, count) => {
      const watched = new WatchedSource(source, guard)
      try {
        const answer = await guard.run(() => this.#inner.put(key, watched, { ifAbsent, signal: guard.signal }))
        if (watched.failure === undefined && !watched.complete) {
          throw new StorageError('Permanent', 'the plugin has not read all of the bytes that it says it stored')
        }
        if (watched.failure === undefined) return checkedConfirmation(answer)
        throw new SourceFailed(watched.failure.error)
      } catch (error) {
        throw watched.failure === undefined ? error : new SourceFailed(watched.failure.error)
      } finally {
        count(watched.taken)
        await watched.close()
      }
    })
  }

  async #getOnce(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    const guard = new CallGuard(options.signal, this.#options)
    let begun = false
    const translate = (error: unknown): unknown => {
      const failure = this.#translated(error, 'get', key, options.signal)
      if (!begun || !isStorageError(failure, 'NotFound')) return failure
      return new StorageError('Permanent', `${failure.message} (after the object was begun)`, { cause: failure.cause })
    }
    const onEnd = (failure: unknown, bytes?: number): void => {
      guard.release()
      this.#report('get', guard, failure, options.signal, bytes)
    }
    let answer: AsyncIterable<Uint8Array>
    try {
      const start = (): Promise<AsyncIterable<Uint8Array>> => this.#inner.get(key, { ...options, signal: guard.signal })
      answer = await guard.run(start, abandon)
    } catch (error) {
      const failure = translate(error)
      onEnd(failure)
      throw failure
    }
    const chunks = new LoadedChunks(iterable(answer), { guard, translate, onEnd })
    await chunks.begin()
    begun = true
    return chunks
  }

  async *#listOnce(
    prefix: string,
    startAfter: string | undefined,
    signal: AbortSignal,
    failed: { error?: unknown },
  ): AsyncGenerator<StoredObject, void, undefined> {
    const guard = new CallGuard(signal, this.#options)
    let iterator: AsyncIterator<StoredObject> | undefined
    let last = startAfter
    try {
      const options = { ...(last === undefined ? {} : { startAfter: last }), signal: guard.signal }
      iterator = iterable(this.#inner.list(prefix, options))[Symbol.asyncIterator]()
      for (const source = iterator; ;) {
        const result = await guard.run(() => source.next())
        if (result.done === true) break
        const object = checkedListed(result.value, prefix, last)
        last = object.key
        yield object
      }
      iterator = undefined
    } catch (error) {
      failed.error = this.#translated(error, 'list', prefix, signal)
    } finally {
      if (iterator !== undefined) await guard.settled(leave(iterator))
      guard.release()
      this.#report('list', guard, failed.error, signal)
    }
  }

  #call<T>(
    operation: Operation,
    key: string | undefined,
    signal: AbortSignal,
    work: (guard: CallGuard) => Promise<T>,
  ): Promise<T> {
    return withRetries(() => this.#attempt(operation, key, signal, work), this.#options, signal)
  }

  async #attempt<T>(
    operation: Operation,
    key: string | undefined,
    signal: AbortSignal,
    work: (guard: CallGuard, count: (bytes: number) => void) => Promise<T>,
  ): Promise<T> {
    const guard = new CallGuard(signal, this.#options)
    let failure: unknown
    let bytes: number | undefined
    try {
      return await work(guard, (count) => (bytes = count))
    } catch (error) {
      failure = error instanceof SourceFailed ? error : this.#translated(error, operation, key, signal)
      throw failure
    } finally {
      guard.release()
      this.#report(operation, guard, failure, signal, bytes)
    }
  }

  #translated(error: unknown, operation: Operation, key: string | undefined, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason
    return storageFailure(error, { plugin: this.#plugin, operation, key, mask: this.#mask })
  }

  #report(operation: Operation, guard: CallGuard, failure: unknown, signal: AbortSignal, bytes?: number): void {
    const { durationMs } = guard
    const outcome = outcomeOf(failure, signal)
    const call = { plugin: this.#plugin, operation, durationMs, outcome }
    this.#options.observe(bytes === undefined ? call : { ...call, bytes })
  }
}

/** The source of a put failed: not the storage's fault, and never repeated. `cause` is its own error. */
class SourceFailed extends Error {
  constructor(cause: unknown) {
    super('the source failed', { cause })
  }
}

function outcomeOf(failure: unknown, signal: AbortSignal): PluginCall['outcome'] {
  if (failure === undefined) return 'ok'
  if (signal.aborted) return 'aborted'
  if (failure instanceof SourceFailed) return 'source'
  return isStorageError(failure) ? failure.code : 'Permanent'
}

function iterable<T>(answer: AsyncIterable<T>): AsyncIterable<T> {
  const candidate: unknown = answer
  if (typeof candidate === 'object' && candidate !== null && Symbol.asyncIterator in candidate) return answer
  throw new StorageError('Permanent', `the plugin answered ${typeof candidate} where an async iterable is expected`)
}

/** For an answer that nobody waits for any more. */
function abandon(answer: AsyncIterable<unknown>): void {
  leave(iterable(answer)[Symbol.asyncIterator]()).catch(() => undefined)
}

async function leave(iterator: AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.()
}

function checkKey(key: string): void {
  const fault = objectKeyFault(key)
  if (fault !== undefined) throw new WalrError('WALR_INTERNAL', `storage key "${key}" ${fault}`)
}

function checkRange({ offset = 0, length = 0 }: GetOptions): void {
  if ([offset, length].every((value) => Number.isSafeInteger(value) && value >= 0)) return
  throw new WalrError('WALR_INTERNAL', `a range of an object cannot begin at ${offset} with ${length} bytes`)
}
