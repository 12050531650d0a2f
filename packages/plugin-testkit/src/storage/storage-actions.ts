import assert from 'node:assert/strict'
import {
  isStorageError,
  type GetOptions,
  type PutConfirmation,
  type Storage,
  type StoredObject,
} from '@walr/core/plugin'
import { knownSource } from '../bytes/byte-sources.ts'
import { collect } from '../bytes/byte-stream.ts'

/** How many operations the kit has under way where it stores or reads many objects. */
const PARALLEL_COUNT = 16

/** A signal that nobody aborts. */
export function noAbort(): AbortSignal {
  return new AbortController().signal
}

/** Puts `bytes`; replaces what is there. */
export function putBytes(storage: Storage, key: string, bytes: Uint8Array): Promise<PutConfirmation> {
  return storage.put(key, knownSource(bytes), { ifAbsent: false, signal: noAbort() })
}

/** Puts `bytes` unless the key is taken. */
export function createBytes(storage: Storage, key: string, bytes: Uint8Array): Promise<PutConfirmation> {
  return storage.put(key, knownSource(bytes), { ifAbsent: true, signal: noAbort() })
}

/** Reads an object or a range of it. */
export async function readBytes(
  storage: Storage,
  key: string,
  range: Omit<GetOptions, 'signal'> = {},
  signal: AbortSignal = noAbort(),
): Promise<Uint8Array> {
  return collect(await storage.get(key, { ...range, signal }))
}

/** Lists to the end. */
export function listObjects(storage: Storage, prefix: string, startAfter?: string): Promise<StoredObject[]> {
  const options = startAfter === undefined ? { signal: noAbort() } : { startAfter, signal: noAbort() }
  return Array.fromAsync(storage.list(prefix, options))
}

/** Lists to the end, keys only. */
export async function listKeys(storage: Storage, prefix: string, startAfter?: string): Promise<string[]> {
  return (await listObjects(storage, prefix, startAfter)).map(({ key }) => key)
}

/** Puts a small object under each key. */
export async function putAll(storage: Storage, keys: readonly string[]): Promise<void> {
  const waiting = [...keys]
  async function work(): Promise<void> {
    for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
      await putBytes(storage, key, Buffer.from(key))
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_COUNT }, work))
}

/** Keys in the order of the contract. */
export function inByteOrder(keys: readonly string[]): string[] {
  return keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** `count` keys with `prefix` and a number, in the order of the contract. */
export function numberedKeys(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => prefix + String(index).padStart(6, '0'))
}

/** Fails when a reader or a listing sees anything at all. */
export async function assertNothingStored(storage: Storage, key: string): Promise<void> {
  assert.deepEqual(
    await listKeys(storage, ''),
    [],
    'the listing of everything shows something that was not stored whole',
  )
  await assertAbsent(storage, key)
}

/** Fails unless `get` and `head` both say NotFound. */
export async function assertAbsent(storage: Storage, key: string): Promise<void> {
  for (const [method, read] of [
    ['head', () => storage.head(key, { signal: noAbort() })],
    ['get', () => readBytes(storage, key)],
  ] as const) {
    const found = await read().then(
      () => 'an object',
      (error: unknown) => {
        if (isStorageError(error, 'NotFound')) return undefined
        throw error
      },
    )
    assert.equal(found, undefined, `${method} finds an object under ${JSON.stringify(key)}, where there is none`)
  }
}
