import { tmpdir } from 'node:os'
import { isStorageError, StorageError, type HookContext, type StoredObject } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { GuardedStorage, type StorageDriver } from './guarded-storage.ts'

const never = new AbortController().signal

interface Recorded {
  readonly calls: string[]
  readonly warnings: string[]
  readonly abort: (reason: unknown) => void
  readonly storage: GuardedStorage
}

/** A storage over a driver that notes what it is asked, and fails as `head` and `close` say. */
function recorded(change: Partial<StorageDriver> = {}): Recorded {
  const calls: string[] = []
  const warnings: string[] = []
  const stop = new AbortController()
  const none = (): void => undefined
  const context: HookContext = {
    log: { error: none, warning: (line) => void warnings.push(line), info: none, debug: none },
    signal: stop.signal,
    now: () => new Date(),
    baseDirectory: tmpdir(),
  }
  const answer = <T>(call: string, value: T): Promise<T> => {
    calls.push(call)
    return Promise.resolve(value)
  }
  const driver: StorageDriver = {
    capabilities: { createIfAbsent: 'atomic', rangeReads: true, maxObjectBytes: Infinity },
    put: (key) => answer(`put ${key}`, { size: 0 }),
    get: (key) => answer(`get ${key}`, emptyStream()),
    head: (key) => answer(`head ${key}`, { key, size: 0, modifiedAt: new Date(0) }),
    async *list() {
      await Promise.resolve()
      yield { key: 'a', size: 0, modifiedAt: new Date(0) }
      throw new Error('cut')
    },
    delete: (keys) => answer(`delete ${keys.join(' ')}`, undefined),
    close: () => answer('close', undefined),
    toStorageError: (error, failed) =>
      isStorageError(error) ? error : new StorageError('Transient', `${failed}: ${String(error)}`),
    ...change,
  }
  return { calls, warnings, abort: (reason) => stop.abort(reason), storage: new GuardedStorage(driver, context) }
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {
  await Promise.resolve()
  yield new Uint8Array()
}

/** Settles when its signal is aborted, and never otherwise. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the request was cut')), { once: true })
  })
}

describe('a guarded storage', () => {
  it.each(['', '/a', 'a//b', 'a/../b', 'a\n', 'x'.repeat(513)])(
    'asks nothing about %j, which is no key',
    async (key) => {
      const { storage, calls } = recorded()
      await expect(storage.head(key, { signal: never })).rejects.toMatchObject({ code: 'Permanent' })
      await expect(storage.delete(['a', key], { signal: never })).rejects.toMatchObject({ code: 'Permanent' })
      expect(calls).toEqual([])
    },
  )

  it('turns an error of its service into one of the contract that says what failed', async () => {
    const { storage } = recorded({ head: () => Promise.reject(new Error('gone')) })
    await expect(storage.head('a', { signal: never })).rejects.toThrow('could not look at "a": Error: gone')
  })

  it('rejects with the reason of the signal, whatever its service says', async () => {
    const { storage } = recorded({ head: (_key, signal) => untilAborted(signal) })
    const stop = new AbortController()
    const reason = new Error('enough')
    const looking = storage.head('a', { signal: stop.signal })
    stop.abort(reason)
    await expect(looking).rejects.toBe(reason)
  })

  it('asks nothing with a signal that is aborted already', async () => {
    const { storage, calls } = recorded()
    const reason = new Error('enough')
    await expect(storage.head('a', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(calls).toEqual([])
  })

  it('gives a listing up to where it fails', async () => {
    const found: StoredObject[] = []
    const listing = async (): Promise<void> => {
      for await (const object of recorded().storage.list('', { signal: never })) found.push(object)
    }
    await expect(listing()).rejects.toThrow('could not list ""')
    expect(found).toHaveLength(1)
  })

  it('ends what is under way when it is closed, closes once, and refuses what comes', async () => {
    const { storage, calls } = recorded({ head: (_key, signal) => untilAborted(signal) })
    const looking = storage.head('a', { signal: never })
    await Promise.all([
      expect(looking).rejects.toThrow('the storage was closed'),
      storage[Symbol.asyncDispose](),
      storage[Symbol.asyncDispose](),
    ])
    await expect(storage.get('a', { signal: never })).rejects.toMatchObject({ code: 'Permanent' })
    expect(calls).toEqual(['close'])
  })

  it('closes with its context, and logs when that fails', async () => {
    const { abort, warnings, storage } = recorded({ close: () => Promise.reject(new Error('stuck')) })
    abort(new Error('the end'))
    await expect(storage.head('a', { signal: never })).rejects.toThrow('the storage was closed')
    await expect.poll(() => warnings).toEqual(['could not close the storage: Error: stuck'])
  })
})
