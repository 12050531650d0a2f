import type { Storage } from '@walr/core/plugin'
import { drain } from '../bytes/large-stream.ts'
import { knownSource } from '../bytes/byte-sources.ts'

/** One operation of a storage, carried out to its end, so that a law can be tried on each. */
export interface StorageMethod {
  readonly name: 'put' | 'get' | 'head' | 'list' | 'delete'
  readonly call: (storage: Storage, key: string, signal: AbortSignal) => Promise<unknown>
}

/** All of them. */
export const STORAGE_METHODS: readonly StorageMethod[] = [
  {
    name: 'put',
    call: async (storage, key, signal) =>
      await storage.put(key, knownSource(Buffer.from('put by the kit')), { ifAbsent: false, signal }),
  },
  { name: 'get', call: async (storage, key, signal) => drain(await storage.get(key, { signal })) },
  { name: 'head', call: async (storage, key, signal) => await storage.head(key, { signal }) },
  { name: 'list', call: async (storage, _key, signal) => Array.fromAsync(storage.list('', { signal })) },
  { name: 'delete', call: async (storage, key, signal) => await storage.delete([key], { signal }) },
]
