import { createHash } from 'node:crypto'
import {
  StorageError,
  type ByteSource,
  type GetOptions,
  type ListOptions,
  type OperationOptions,
  type PutConfirmation,
  type PutOptions,
  type Storage,
  type StoredObject,
} from '../plugins/contract/index.ts'

/** One call of a storage, for scripts that make some of them fail. */
export interface StorageCall {
  readonly operation: 'put' | 'get' | 'head' | 'list' | 'delete'
  readonly key: string
}

/** A fake storage in memory. `script` is asked before each call, and throws to make it fail. */
export class ScriptedStorage implements Storage {
  readonly capabilities = { createIfAbsent: 'atomic', rangeReads: true, maxObjectBytes: Infinity } as const
  readonly objects = new Map<string, Buffer>()
  readonly calls: StorageCall[] = []
  script: (call: StorageCall) => void | Promise<void> = () => undefined
  /** Changes what is confirmed. */
  confirm: (confirmation: PutConfirmation) => PutConfirmation = (confirmation) => confirmation

  async put(key: string, source: ByteSource, { ifAbsent, signal }: PutOptions): Promise<PutConfirmation> {
    await this.#call('put', key, signal)
    const chunks: Buffer[] = []
    for await (const chunk of source.open()) chunks.push(Buffer.from(chunk))
    const bytes = Buffer.concat(chunks)
    if (source.size !== undefined && source.size !== bytes.length) throw new StorageError('Permanent', 'the size lied')
    if (ifAbsent && this.objects.has(key)) throw new StorageError('AlreadyExists', `"${key}" is there`)
    this.objects.set(key, bytes)
    const value = createHash('md5').update(bytes).digest('hex')
    return this.confirm({ size: bytes.length, checksum: { algorithm: 'md5', value } })
  }

  async get(key: string, { signal }: GetOptions): Promise<AsyncIterable<Uint8Array>> {
    await this.#call('get', key, signal)
    const bytes = this.#object(key)
    // eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous
    return (async function* () {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
    })()
  }

  async head(key: string, { signal }: OperationOptions): Promise<StoredObject> {
    await this.#call('head', key, signal)
    return { key, size: this.#object(key).length, modifiedAt: new Date(0) }
  }

  async *list(prefix: string, { startAfter = '', signal }: ListOptions): AsyncIterable<StoredObject> {
    await this.#call('list', prefix, signal)
    for (const key of [...this.objects.keys()].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
      if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(startAfter)) <= 0) continue
      yield { key, size: this.#object(key).length, modifiedAt: new Date(0) }
    }
  }

  async delete(keys: readonly string[], { signal }: OperationOptions): Promise<void> {
    for (const key of keys) {
      await this.#call('delete', key, signal)
      this.objects.delete(key)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  count(operation: StorageCall['operation'], part = ''): number {
    return this.calls.filter((call) => call.operation === operation && call.key.includes(part)).length
  }

  async #call(operation: StorageCall['operation'], key: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.calls.push({ operation, key })
    await this.script({ operation, key })
    signal.throwIfAborted()
  }

  #object(key: string): Buffer {
    const bytes = this.objects.get(key)
    if (!bytes) throw new StorageError('NotFound', `"${key}" is absent`)
    return bytes
  }
}
