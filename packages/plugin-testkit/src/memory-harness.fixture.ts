import type { Storage } from '@walr/core/plugin'
import { MemoryBucket } from './memory-bucket.ts'
import { MemoryStorage, type MemoryStorageOptions } from './memory-storage.ts'
import type { StorageHarness } from './storage/storage-harness.ts'

/** Makes one client of a bucket that all clients of a harness share. */
export type MakeStorage = (bucket: MemoryBucket, options: MemoryStorageOptions) => Storage

/** The memory storage has no parts: where its pages end is what may go wrong. */
export const MEMORY_PART_BYTES = 65_536 * 4

/** Harnesses over the memory storage, or over what `make` makes of it. */
export function memoryHarness(
  options: MemoryStorageOptions = {},
  make: MakeStorage = (bucket, all) => new MemoryStorage(bucket, all),
): () => Promise<StorageHarness> {
  return () => {
    const bucket = new MemoryBucket()
    const open = (fault: MemoryStorageOptions) => Promise.resolve(make(bucket, { ...options, ...fault }))
    return Promise.resolve({
      open: () => open({}),
      openUnreachable: () => open({ fault: 'unreachable' }),
      openDenied: () => open({ fault: 'denied' }),
      openWithoutBase: () => open({ fault: 'no base' }),
      close: () => Promise.resolve(),
      partBytes: MEMORY_PART_BYTES,
    })
  }
}
