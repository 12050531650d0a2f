import type { StorageError } from '@walr/core/plugin'
import { StorageError as ThrownError } from '@walr/core/plugin'
import type { MemoryBucket, MemoryObject } from '../memory-bucket.ts'
import { MemoryObjectWriter } from '../memory-bucket.ts'
import { MemoryStorage, type MemoryStorageOptions } from '../memory-storage.ts'

/** A storage that breaks one law, and the cases that have to find it: these and no others. */
export interface StorageMutant {
  readonly breaks: string
  readonly fails: readonly string[]
  readonly make: new (bucket: MemoryBucket, options: MemoryStorageOptions) => MutantStorage
}

/** What mutants are made from: the memory storage, with its shelves open. */
export class MutantStorage extends MemoryStorage {
  protected readonly bucket: MemoryBucket
  protected readonly prefix: string
  protected readonly fault: MemoryStorageOptions['fault']

  constructor(bucket: MemoryBucket, options: MemoryStorageOptions) {
    super(bucket, options)
    this.bucket = bucket
    this.prefix = options.prefix ?? ''
    this.fault = options.fault
  }

  /** Stores `chunks` under `key`, whatever the laws say. */
  protected place(key: string, chunks: readonly Uint8Array[]): MemoryObject {
    const writer = new MemoryObjectWriter()
    for (const chunk of chunks) writer.write(chunk)
    const object = writer.finish()
    this.bucket.objects.set(this.prefix + key, object)
    return object
  }

  protected has(key: string): boolean {
    return this.bucket.objects.has(this.prefix + key)
  }

  protected error(code: StorageError['code']): StorageError {
    return new ThrownError(code, 'as a mutant says it')
  }
}
