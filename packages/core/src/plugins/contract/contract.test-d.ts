import { definePlugin, type Codec, type Storage, type StorageCapabilities } from './index.ts'

// The contract in the type system; `npm run typecheck` fails when one of these begins to compile.

declare const storage: Storage
declare const capabilities: StorageCapabilities
declare const signal: AbortSignal

const described = { name: 'p', apiVersion: 1, options: [], parseOptions: () => ({ bucket: 'b' }) } as const

definePlugin<{ bucket: string }>({ ...described, createStorage: () => Promise.resolve(storage) })
definePlugin<{ bucket: string }>({
  ...described,
  // @ts-expect-error a version of the contract that does not exist
  apiVersion: 2,
})
// @ts-expect-error options that are not described
definePlugin<unknown>({ name: 'p', apiVersion: 1, parseOptions: () => undefined })
definePlugin<{ bucket: string }>({
  ...described,
  // @ts-expect-error options of another type than those that parseOptions makes
  createStorage: (options: { bucket: number }) => Promise.resolve(options.bucket > 0 ? storage : storage),
})
definePlugin<{ bucket: string }>({
  ...described,
  // @ts-expect-error a storage that is not promised
  createStorage: () => storage,
})
definePlugin<{ bucket: string }>({
  ...described,
  // @ts-expect-error a storage without its methods
  createStorage: () => Promise.resolve({ capabilities }),
})

// @ts-expect-error every operation takes a signal
void storage.head('key', {})
// @ts-expect-error a put says whether it may replace
void storage.put('key', { size: 0, open: () => [] as never }, { signal })
// @ts-expect-error capabilities do not change
capabilities.rangeReads = false
// @ts-expect-error a suffix begins with a dot
export const suffix: Codec['suffix'] = 'zst'
// @ts-expect-error a codec compresses or encrypts
export const kind: Codec['kind'] = 'checksum'
