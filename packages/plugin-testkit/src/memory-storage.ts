import {
  StorageError,
  type GetOptions,
  type ByteSource,
  type ListOptions,
  type OperationOptions,
  type PutConfirmation,
  type PutOptions,
  type Storage,
  type StorageCapabilities,
  type StoredObject,
} from '@walr/core/plugin'
import { abortableStream } from './abortable-stream.ts'
import { MemoryObjectWriter, type MemoryBucket, type MemoryObject } from './memory-bucket.ts'

/** How a {@link MemoryStorage} behaves. */
export interface MemoryStorageOptions {
  /** Before every key; nobody else sees it. */
  readonly prefix?: string
  /** True when undefined. */
  readonly rangeReads?: boolean
  /** `atomic` when undefined. */
  readonly createIfAbsent?: StorageCapabilities['createIfAbsent']
  /** What is wrong with the server that there is none of: every operation says so. Nothing when undefined. */
  readonly fault?: 'unreachable' | 'denied' | 'no base'
}

const FAULTS = {
  unreachable: { code: 'Transient', message: 'the server cannot be reached' },
  denied: { code: 'AccessDenied', message: 'the server refuses this client' },
  'no base': { code: 'Permanent', message: 'the bucket does not exist' },
} as const

/**
 * A fake: a storage that keeps its objects in this process, for tests of what uses a storage. It meets the contract, which
 * the storage suite proves. Clients of one {@link MemoryBucket} see the same objects.
 */
export class MemoryStorage implements Storage {
  readonly capabilities: StorageCapabilities
  readonly #bucket: MemoryBucket
  readonly #prefix: string
  readonly #fault: MemoryStorageOptions['fault']
  readonly #disposal = new AbortController()

  constructor(bucket: MemoryBucket, options: MemoryStorageOptions = {}) {
    this.#bucket = bucket
    this.#prefix = options.prefix ?? ''
    this.#fault = options.fault
    const { createIfAbsent = 'atomic', rangeReads = true } = options
    this.capabilities = { createIfAbsent, rangeReads, maxObjectBytes: Infinity }
  }

  async put(key: string, source: ByteSource, { ifAbsent, signal }: PutOptions): Promise<PutConfirmation> {
    const end = this.#begin(signal)
    if (ifAbsent) this.#refuseTaken(key)
    const object = await this.#receive(key, source, end)
    if (ifAbsent) this.#refuseTaken(key)
    this.#bucket.objects.set(this.#prefix + key, object)
    return { size: object.size, checksum: object.checksum }
  }

  get(key: string, { offset, length, signal }: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    return Promise.resolve().then(() => {
      const end = this.#begin(signal)
      if (!this.capabilities.rangeReads && (offset !== undefined || length !== undefined)) {
        throw new StorageError('Unsupported', 'this storage was made without range reads')
      }
      const start = offset ?? 0
      return pagesOf(this.#find(key), start, start + (length ?? Infinity), end)
    })
  }

  head(key: string, { signal }: OperationOptions): Promise<StoredObject> {
    return Promise.resolve().then(() => {
      this.#begin(signal)
      const { size, modifiedAt } = this.#find(key)
      return { key, size, modifiedAt }
    })
  }

  async *list(prefix: string, { startAfter, signal }: ListOptions): AsyncGenerator<StoredObject, void, void> {
    const end = this.#begin(signal)
    const whole = this.#prefix + prefix
    const after = startAfter === undefined ? undefined : Buffer.from(startAfter)
    const found = [...this.#bucket.objects]
      .filter(([name]) => name.startsWith(whole))
      .map(([name, { size, modifiedAt }]) => ({ key: name.slice(this.#prefix.length), size, modifiedAt }))
      .filter(({ key }) => after === undefined || Buffer.compare(Buffer.from(key), after) > 0)
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
    for (const object of found) {
      await Promise.resolve()
      end.throwIfAborted()
      yield object
    }
  }

  delete(keys: readonly string[], { signal }: OperationOptions): Promise<void> {
    return Promise.resolve().then(() => {
      this.#begin(signal)
      for (const key of keys) this.#bucket.objects.delete(this.#prefix + key)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal.abort(new StorageError('Permanent', 'this storage was disposed of'))
    return Promise.resolve()
  }

  /** @returns the signal at which the operation ends: the caller's own, or the disposal. */
  #begin(signal: AbortSignal): AbortSignal {
    signal.throwIfAborted()
    this.#disposal.signal.throwIfAborted()
    if (this.#fault !== undefined) throw new StorageError(FAULTS[this.#fault].code, FAULTS[this.#fault].message)
    return AbortSignal.any([signal, this.#disposal.signal])
  }

  async #receive(key: string, source: ByteSource, end: AbortSignal): Promise<MemoryObject> {
    const writer = new MemoryObjectWriter()
    try {
      for await (const chunk of abortableStream(source.open(), end)) writer.write(chunk)
    } catch (error) {
      end.throwIfAborted()
      throw new StorageError('Permanent', `the source of "${key}" failed after ${writer.size} bytes`, { cause: error })
    }
    if (source.size !== undefined && source.size !== writer.size) {
      throw new StorageError('Permanent', `the source of "${key}" said ${source.size} bytes and gave ${writer.size}`)
    }
    return writer.finish()
  }

  #refuseTaken(key: string): void {
    if (!this.#bucket.objects.has(this.#prefix + key)) return
    throw new StorageError('AlreadyExists', `there is an object under "${key}" already`)
  }

  #find(key: string): MemoryObject {
    const object = this.#bucket.objects.get(this.#prefix + key)
    if (object === undefined) throw new StorageError('NotFound', `there is no object under "${key}"`)
    return object
  }
}

/** The bytes of an object from `start` to before `end`, as copies: a chunk belongs to who reads it. */
async function* pagesOf(
  object: MemoryObject,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  let at = 0
  for (const page of object.pages) {
    const part = new Uint8Array(page.subarray(Math.max(0, start - at), Math.max(0, end - at)))
    at += page.length
    if (part.length === 0) continue
    await Promise.resolve()
    signal.throwIfAborted()
    yield part
  }
}
