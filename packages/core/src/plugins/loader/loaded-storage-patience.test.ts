import { getEventListeners } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../../errors/walr-error.ts'
import { StorageError, type ByteSource } from '../contract/index.ts'
import {
  bytes,
  calls,
  clock,
  failing,
  given,
  keys,
  loaded,
  never,
  object,
  read,
  startWatching,
  stop,
} from './loaded-storage.fixture.ts'

beforeEach(startWatching)

describe('a plugin that makes no progress', () => {
  it('is told to stop after 60 s, and the call fails as Transient', async () => {
    const storage = loaded(
      {
        head: (_key, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(new Error('stopped'))
            })
          }),
      },
      { attempts: 1 },
    )
    const result = expect(storage.head('k', { signal: stop.signal })).rejects.toEqual(
      failing('Transient', 'no progress for 60 s'),
    )
    await clock.advance(59_999)
    expect(calls).toEqual([])
    await clock.advance(1)
    await result
    expect(calls).toMatchObject([{ operation: 'head', outcome: 'Transient', durationMs: 60_000 }])
    expect(clock.timerCount).toBe(0)
  })

  it('is left alone when it ignores that, and when it ignores the abort of the caller', async () => {
    const storage = loaded({ head: never, get: never, put: never }, { attempts: 1 })
    const stalled = expect(storage.get('k', { signal: stop.signal })).rejects.toEqual(failing('Transient'))
    await clock.advance(65_000)
    await stalled
    const put = storage.put('k', bytes('abc'), { ifAbsent: false, signal: stop.signal })
    const aborted = expect(put).rejects.toBe('enough')
    stop.abort('enough')
    await clock.advance(5000)
    await aborted
    expect(clock.timerCount).toBe(0)
  })

  it('has all the time that its source and its reader take', async () => {
    let release: () => void = () => undefined
    const slow: ByteSource = {
      size: 1,
      open: async function* () {
        await new Promise<void>((resolve) => (release = resolve))
        yield Buffer.from('a')
      },
    }
    const storage = loaded({
      put: async (_key, source) => ({ size: (await read(source.open())).length }),
      get: () => Promise.resolve(given('a', 'b')),
    })
    const { signal } = stop
    const put = storage.put('k', slow, { ifAbsent: true, signal })
    await clock.advance(500_000)
    release()
    expect(await put).toEqual({ size: 1 })
    const chunks = await storage.get('k', { signal })
    let text = ''
    for await (const chunk of chunks) {
      text += Buffer.from(chunk).toString()
      await clock.advance(500_000)
    }
    expect(text).toBe('ab')
    expect(calls.map(({ durationMs, outcome }) => [durationMs, outcome])).toEqual([
      [0, 'ok'],
      [0, 'ok'],
    ])
  })

  it('frees an answer that comes too late', async () => {
    let answer: (chunks: AsyncIterable<Uint8Array>) => void = () => undefined
    const storage = loaded({ get: () => new Promise((resolve) => (answer = resolve)) }, { attempts: 1 })
    const stalled = expect(storage.get('k', { signal: stop.signal })).rejects.toEqual(failing('Transient'))
    await clock.advance(65_000)
    await stalled
    let left = false
    answer({
      [Symbol.asyncIterator]: () => ({
        next: never,
        return: () => {
          left = true
          return Promise.resolve({ done: true, value: undefined })
        },
      }),
    })
    await turn()
    expect(left).toBe(true)
  })
})

describe('a caller', () => {
  it('gets the reason of its signal, whatever the plugin makes of the abort', async () => {
    const reason = new Error('shutting down')
    const storage = loaded({
      head: (_key, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(new StorageError('Transient', 'socket closed'))
          })
        }),
    })
    const result = expect(storage.head('k', { signal: stop.signal })).rejects.toBe(reason)
    await clock.advance(1)
    stop.abort(reason)
    await result
    await expect(storage.head('k', { signal: stop.signal })).rejects.toBe(reason)
    expect(calls.map(({ outcome }) => outcome)).toEqual(['aborted'])
  })

  it('that leaves a reading or a listing early ends it in the plugin', async () => {
    const left: string[] = []
    async function* endless<T>(what: string, make: (count: number) => T): AsyncGenerator<T, void, undefined> {
      try {
        for (let count = 0; ; count++) yield await Promise.resolve(make(count))
      } finally {
        left.push(what)
      }
    }
    const storage = loaded({
      get: () => Promise.resolve(endless('get', () => Buffer.from('a'))),
      list: () => endless('list', (count) => object(String(count))),
    })
    for await (const chunk of await storage.get('k', { signal: stop.signal })) if (chunk.length > 0) break
    for await (const { key } of storage.list('', { signal: stop.signal })) if (key !== '') break
    const unread = await storage.get('k', { signal: stop.signal })
    await unread[Symbol.asyncIterator]().return?.()
    expect(left).toEqual(['get', 'list', 'get'])
    expect(calls.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok'])
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
    expect(clock.timerCount).toBe(0)
  })

  it('may make 10,000 calls with one signal and leaves nothing on it', async () => {
    const storage = loaded({
      head: (key) => (key === 'k1' ? Promise.reject(new StorageError('NotFound', 'no')) : Promise.resolve(object(key))),
      get: () => Promise.resolve(given('a')),
      put: async (_key, source) => ({ size: (await read(source.open())).length }),
    })
    const { signal } = stop
    for (let count = 0; count < 2500; count++) {
      await storage.head('k', { signal })
      await storage.head('k1', { signal }).catch(() => undefined)
      await read(await storage.get('k', { signal }))
      await storage.put('k', bytes('a'), { ifAbsent: false, signal })
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(clock.timerCount).toBe(0)
    expect(calls).toHaveLength(10_000)
  })

  it('with a key, prefix or range that cannot be is stopped before the plugin sees it', async () => {
    const storage = loaded({})
    const { signal } = stop
    const internal = expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_INTERNAL')) as Error
    const bad = ['', '/a', 'a/', 'a//b', '.', 'a/../b', 'a\nb', 'a\u0085b', '\ud800', 'x'.repeat(513)]
    for (const key of bad) {
      await expect(storage.head(key, { signal })).rejects.toThrow(internal)
      await expect(storage.get(key, { signal })).rejects.toThrow(internal)
      await expect(storage.put(key, bytes(''), { ifAbsent: true, signal })).rejects.toThrow(internal)
      await expect(storage.delete(['fine', key], { signal })).rejects.toThrow(internal)
    }
    await expect(keys(storage.list('a//', { signal }))).rejects.toThrow(internal)
    await expect(storage.get('k', { offset: -1, signal })).rejects.toThrow(internal)
    await expect(storage.get('k', { length: 0.5, signal })).rejects.toThrow(internal)
    expect(calls).toEqual([])
  })

  it('that deletes many keys has them deleted in parts', async () => {
    const sizes: number[] = []
    const storage = loaded({ delete: (some) => (sizes.push(some.length), Promise.resolve()) })
    const many = Array.from({ length: 2001 }, (_, index) => `k${index}`)
    await storage.delete(many, { signal: stop.signal })
    await storage.delete([], { signal: stop.signal })
    expect(sizes).toEqual([1000, 1000, 1])
  })
})
