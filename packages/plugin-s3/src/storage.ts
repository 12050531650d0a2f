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
import type { S3Access } from './access.ts'
import { createClient } from './client.ts'
import { deleteObjects } from './delete-objects.ts'
import { s3StorageError } from './error-map.ts'
import { getObject } from './get-object.ts'
import { headObject } from './head-object.ts'
import { listObjects } from './list-objects.ts'
import type { S3Options } from './options.ts'
import { maxObjectBytes, putObject } from './put-object.ts'
import { checkKey } from './storage-key.ts'

/** Opens the storage. Nothing is asked of the server yet. */
export async function openS3Storage(options: S3Options, context: HookContext): Promise<S3Storage> {
  const client = await createClient(options, context)
  const namePrefix = options.prefix === '' ? '' : `${options.prefix}/`
  const known = { honoursConditions: options.endpoint === undefined } // AWS does
  return new S3Storage({ client, options, context, namePrefix, known })
}

/** Objects in a bucket. */
export class S3Storage implements Storage {
  readonly capabilities: StorageCapabilities
  readonly #access: S3Access
  readonly #closed = new AbortController()

  constructor(access: S3Access) {
    const { options, context } = access
    this.#access = access
    this.capabilities = {
      createIfAbsent: options.conditionalWrites ? 'atomic' : 'check-then-write',
      rangeReads: true,
      maxObjectBytes: maxObjectBytes(options.partSize),
    }
    if (context.signal.aborted) this.#close()
    else context.signal.addEventListener('abort', this.#close, { once: true })
  }

  put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    return this.#run(`could not store "${key}"`, options.signal, (signal) => {
      checkKey(key)
      return putObject(this.#access, key, source, { ...options, signal })
    })
  }

  get(key: string, options: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    return this.#run(`could not read "${key}"`, options.signal, (signal) => {
      checkKey(key)
      return getObject(this.#access, key, { ...options, signal })
    })
  }

  head(key: string, { signal: outer }: OperationOptions): Promise<StoredObject> {
    return this.#run(`could not look at "${key}"`, outer, (signal) => {
      checkKey(key)
      return headObject(this.#access, key, signal)
    })
  }

  async *list(prefix: string, options: ListOptions): AsyncGenerator<StoredObject, void, undefined> {
    const signal = this.#signalFor(options.signal)
    try {
      signal.throwIfAborted()
      for await (const object of listObjects(this.#access, prefix, { ...options, signal })) {
        yield object
        signal.throwIfAborted()
      }
    } catch (error) {
      signal.throwIfAborted()
      throw s3StorageError(error, `could not list "${prefix}"`)
    }
  }

  delete(keys: readonly string[], { signal: outer }: OperationOptions): Promise<void> {
    return this.#run('could not delete objects', outer, (signal) => {
      for (const key of keys) checkKey(key)
      return deleteObjects(this.#access, keys, signal)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#close()
    return Promise.resolve()
  }

  readonly #close = (): void => {
    if (this.#closed.signal.aborted) return
    this.#access.context.signal.removeEventListener('abort', this.#close)
    this.#closed.abort(new StorageError('Permanent', 'the storage was closed'))
    this.#access.client.destroy()
  }

  async #run<T>(failed: string, outer: AbortSignal, operation: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = this.#signalFor(outer)
    signal.throwIfAborted()
    try {
      return await operation(signal)
    } catch (error) {
      signal.throwIfAborted()
      throw s3StorageError(error, failed)
    }
  }

  /** Aborted with the caller's reason, or since the storage was closed. */
  #signalFor(outer: AbortSignal): AbortSignal {
    return outer.aborted ? outer : AbortSignal.any([outer, this.#closed.signal])
  }
}
