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
} from '@walr/core/plugin'
import { toStorageError } from './error-map.ts'
import { headOf, listPage, putConfirmation } from './service-answers.ts'
import { ServiceClient } from './service-client.ts'
import type { StorageOptions } from './options.ts'
import { uploadBody } from './upload-body.ts'

/** How many objects are deleted at the same time. */
const DELETE_CONCURRENCY = 8
/** What the service answers when the object ends before the range that was asked for. */
const RANGE_BEHIND_END = 416

/** A bucket of the service. What each method promises stands in the types of `@walr/core/plugin`; the tests check it. */
export class ServiceStorage implements Storage {
  /** Say what your service really does: walr relies on it. */
  readonly capabilities: StorageCapabilities = { createIfAbsent: 'atomic', rangeReads: true, maxObjectBytes: Infinity }
  readonly #client: ServiceClient
  readonly #prefix: string
  readonly #closing = new AbortController()

  constructor(options: StorageOptions) {
    this.#client = new ServiceClient(options)
    this.#prefix = options.prefix
  }

  put(key: string, source: ByteSource, { ifAbsent, signal }: PutOptions): Promise<PutConfirmation> {
    return this.#guarded(`put "${key}"`, signal, async (end) => {
      const body = uploadBody(source, end)
      // Before anything is sent: what is wrong with a small source shows here.
      const first = await body.next()
      try {
        const headers = {
          ...(source.size !== undefined && { 'content-length': String(source.size) }),
          ...(ifAbsent && { 'if-none-match': '*' }),
        }
        const sent = first.done === true ? undefined : joined(first.value, body)
        const response = await this.#client.send({ method: 'PUT', key, headers, body: sent, signal: end })
        return putConfirmation(await response.json())
      } finally {
        await body.return()
      }
    })
  }

  get(key: string, { offset = 0, length, signal }: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    return this.#guarded(`get "${key}"`, signal, async (end) => {
      if (length === 0) {
        await this.#head(key, end)
        return nothing()
      }
      const isRange = offset > 0 || length !== undefined
      const headers = isRange ? { range: `bytes=${offset}-${length === undefined ? '' : offset + length - 1}` } : {}
      const response = await this.#client.send({ method: 'GET', key, headers, accepts: RANGE_BEHIND_END, signal: end })
      if (response.status !== RANGE_BEHIND_END) return this.#received(key, response, end)
      await response.body?.cancel()
      return nothing()
    })
  }

  head(key: string, { signal }: OperationOptions): Promise<StoredObject> {
    return this.#guarded(`head "${key}"`, signal, (end) => this.#head(key, end))
  }

  async *list(prefix: string, { startAfter, signal }: ListOptions): AsyncGenerator<StoredObject, void, undefined> {
    let after = startAfter
    for (let isComplete = false; !isComplete;) {
      const page = await this.#guarded(`list "${prefix}"`, signal, async (end) => {
        const query = {
          prefix: this.#prefix + prefix,
          ...(after !== undefined && { after: this.#prefix + after }),
        }
        const response = await this.#client.send({ method: 'GET', query, signal: end })
        return listPage(await response.json(), this.#prefix)
      })
      for (const object of page.objects) {
        signal.throwIfAborted()
        yield object
      }
      isComplete = page.isComplete
      after = page.objects.at(-1)?.key ?? after
    }
  }

  delete(keys: readonly string[], { signal }: OperationOptions): Promise<void> {
    return this.#guarded('delete', signal, async (end) => {
      for (let at = 0; at < keys.length; at += DELETE_CONCURRENCY) {
        const some = keys.slice(at, at + DELETE_CONCURRENCY)
        const results = await Promise.allSettled(some.map((key) => this.#deleteOne(key, end)))
        for (const result of results) if (result.status === 'rejected') throw result.reason
      }
    })
  }

  /** Ends everything that is under way. Close your SDK's client here. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new StorageError('Permanent', 'the storage is closed'))
    return Promise.resolve()
  }

  async #head(key: string, signal: AbortSignal): Promise<StoredObject> {
    return headOf(key, await this.#client.send({ method: 'HEAD', key, signal }))
  }

  async #deleteOne(key: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.send({ method: 'DELETE', key, signal })
    } catch (error) {
      if (!isStorageError(error, 'NotFound')) throw error
    }
  }

  /** The bytes of an answer; one that ends before what it announced is an error. */
  async *#received(key: string, response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const announced = response.headers.get('content-length')
    let received = 0
    try {
      for await (const chunk of response.body ?? []) {
        received += chunk.length
        yield chunk
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason
      throw toStorageError(error, `get "${key}"`)
    }
    if (announced !== null && received !== Number(announced)) {
      throw new StorageError('Transient', `get "${key}": ${received} bytes came of ${announced} that were announced`)
    }
  }

  /** Runs an operation until the caller's signal or the storage's end, and maps its errors. */
  async #guarded<T>(what: string, signal: AbortSignal, operation: (end: AbortSignal) => Promise<T>): Promise<T> {
    const end = AbortSignal.any([signal, this.#closing.signal])
    end.throwIfAborted()
    try {
      return await operation(end)
    } catch (error) {
      if (end.aborted) throw end.reason
      throw toStorageError(error, what)
    }
  }
}

async function* joined(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first
  yield* rest
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {
  // An iteration without a step.
}
