import { getEventListeners } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../../errors/walr-error.ts'
import {
  isStorageError,
  StorageError,
  type ByteSource,
  type Storage,
  type StorageErrorCode,
  type StoredObject,
} from '../contract/index.ts'
import { DEFAULT_CALL_OPTIONS, type CallOptions, type PluginCall } from './call-options.ts'
import { FakeClock } from './fake-clock.fixture.ts'
import { LoadedStorage } from './loaded-storage.ts'

let clock: FakeClock
let calls: PluginCall[]
let stop: AbortController
beforeEach(() => {
  clock = new FakeClock()
  calls = []
  stop = new AbortController()
})

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)
const transient = (retryAfterMs?: number): StorageError => new StorageError('Transient', 'busy', { retryAfterMs })
const object = (key: string): StoredObject => ({ key, size: 1, modifiedAt: new Date(0) })
const bytes = (text: string): ByteSource => ({
  size: text.length,
  open: async function* () {
    for (const letter of text) yield await Promise.resolve(Buffer.from(letter))
  },
})
async function* given(...texts: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text))
}
async function read(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of source) text += Buffer.from(chunk).toString()
  return text
}
async function keys(source: AsyncIterable<StoredObject>): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of source) found.push(key)
  return found
}
const failing = (code: StorageErrorCode, text = ''): Error =>
  expect.toSatisfy(
    (error: unknown) => isStorageError(error, code) && error.message.includes(text),
    `a StorageError ${code} that says "${text}"`,
  ) as Error

/** A storage of which a test gives the methods that it needs, wrapped. */
function loaded(inner: Partial<Storage>, options: Partial<CallOptions> = {}): LoadedStorage {
  const absent = (): never => {
    throw new Error('not expected to be called')
  }
  const whole: Storage = {
    capabilities: { createIfAbsent: 'atomic', rangeReads: true, maxObjectBytes: Infinity },
    put: absent,
    get: absent,
    head: absent,
    list: absent,
    delete: absent,
    [Symbol.asyncDispose]: () => Promise.resolve(),
    ...inner,
  }
  const observe = (call: PluginCall): void => void calls.push(call)
  const mask = (text: string): string => text.replaceAll('hunter22', '********')
  return new LoadedStorage(whole, '@acme/walr-x', mask, { ...DEFAULT_CALL_OPTIONS, clock, observe, ...options })
}

/** Settles `work` while time passes as quickly as it has to. */
async function whileTimePasses<T>(work: Promise<T>): Promise<T> {
  const state = { settled: false }
  const done = (): void => void (state.settled = true)
  work.then(done, done)
  for (let steps = 0; !state.settled && steps < 400; steps++) await clock.advance(500)
  return work
}

describe('a failure that may pass', () => {
  it('is repeated after a random wait of twice the length each time, and succeeds in the end', async () => {
    let failures = 3
    const storage = loaded(
      { head: (key) => (failures-- > 0 ? Promise.reject(transient()) : Promise.resolve(object(key))) },
      { attempts: 5, stallTimeoutMs: 77_777 },
    )
    expect(await whileTimePasses(storage.head('k', { signal: stop.signal }))).toEqual(object('k'))
    expect(clock.delaysMs.filter((delayMs) => delayMs !== 77_777)).toEqual([100, 200, 400])
    expect(calls.map(({ outcome }) => outcome)).toEqual(['Transient', 'Transient', 'Transient', 'ok'])
  })

  it('is reported after the last attempt, once, with plugin, operation and key', async () => {
    const storage = loaded({ head: () => Promise.reject(transient()) })
    const result = whileTimePasses(storage.head('a/b', { signal: stop.signal }))
    await expect(result).rejects.toEqual(failing('Transient', '@acme/walr-x: head "a/b": busy'))
    expect(calls).toHaveLength(3)
  })

  it('waits as long as the service asks for, and is reported at once when that is longer than the patience', async () => {
    const waits = [3000, 30_000]
    const storage = loaded({ head: () => Promise.reject(transient(waits.shift())) }, { stallTimeoutMs: 77_777 })
    await expect(whileTimePasses(storage.head('k', { signal: stop.signal }))).rejects.toEqual(failing('Transient'))
    expect(clock.delaysMs.filter((delayMs) => delayMs !== 77_777)).toEqual([3000])
    expect(calls).toHaveLength(2)
  })

  it('ends at once when the caller aborts during the wait', async () => {
    const storage = loaded({ head: () => Promise.reject(transient(9000)) })
    const result = storage.head('k', { signal: stop.signal })
    const outcome = expect(result).rejects.toBe('enough')
    await clock.advance(10)
    stop.abort('enough')
    await outcome
    expect(clock.timerCount).toBe(0)
  })

  it('is not repeated by a caller that repeats by itself, nor is any other failure', async () => {
    const codes: StorageErrorCode[] = ['NotFound', 'AccessDenied', 'Permanent', 'Unsupported']
    for (const code of codes) {
      const storage = loaded({ head: () => Promise.reject(new StorageError(code, 'no')) })
      await expect(storage.head('k', { signal: stop.signal })).rejects.toEqual(failing(code, 'no'))
    }
    const storage = loaded({ head: () => Promise.reject(transient()) }, { attempts: 1 })
    await expect(storage.head('k', { signal: stop.signal })).rejects.toEqual(failing('Transient'))
    expect(calls).toHaveLength(5)
  })

  it('makes a put read its source anew, and an object that is there then is told as such', async () => {
    const received: string[] = []
    const storage = loaded({
      put: async (_key, source) => {
        received.push(await read(source.open()))
        throw received.length === 1 ? transient() : new StorageError('AlreadyExists', 'it is there')
      },
    })
    const result = whileTimePasses(storage.put('k', bytes('abc'), { ifAbsent: true, signal: stop.signal }))
    await expect(result).rejects.toEqual(failing('AlreadyExists'))
    expect(received).toEqual(['abc', 'abc'])
    expect(calls.map((call) => call.bytes)).toEqual([3, 3])
  })

  it('makes a get begin again before the first byte, and not after it', async () => {
    const answers = [() => failsAfter(), () => failsAfter('first'), () => given('never')]
    async function* failsAfter(...texts: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
      yield* given(...texts)
      throw transient()
    }
    const storage = loaded({ get: () => Promise.resolve((answers.shift() ?? given)()) })
    const chunks = await whileTimePasses(storage.get('k', { signal: stop.signal }))
    await expect(read(chunks)).rejects.toEqual(failing('Transient'))
    expect(answers).toHaveLength(1)
  })

  it('makes a listing go on behind the last key', async () => {
    const all = ['a', 'b', 'c', 'd']
    const asked: (string | undefined)[] = []
    const storage = loaded({
      list: async function* (_prefix, { startAfter }) {
        asked.push(startAfter)
        const rest = all.filter((key) => startAfter === undefined || key > startAfter)
        for (const key of rest.slice(0, 2)) yield await Promise.resolve(object(key))
        if (rest.length > 2) throw transient()
      },
    })
    expect(await whileTimePasses(keys(storage.list('', { signal: stop.signal })))).toEqual(all)
    expect(asked).toEqual([undefined, 'b'])
  })
})

describe('an error of a plugin', () => {
  it('keeps its code, is the cause, and does not get a second prefix', async () => {
    const own = new StorageError('AccessDenied', 'key hunter22 is not known')
    const storage = loaded({ head: () => Promise.reject(own) })
    const failure = storage.head('k', { signal: stop.signal })
    const error = await failure.then(
      () => new Error('no failure'),
      (caught: unknown) => (caught instanceof Error ? caught : new Error('no error')),
    )
    expect(error).toMatchObject({ message: '@acme/walr-x: head "k": key ******** is not known', cause: own })
    const again = loaded({ head: () => Promise.reject(error) })
    await expect(again.head('k', { signal: stop.signal })).rejects.toMatchObject({
      message: '@acme/walr-x: head "k": key ******** is not known',
    })
  })

  it('of any other kind is Permanent, also one of the network, one that is thrown, and one that is no error', async () => {
    const wild = [Object.assign(new Error('reset'), { code: 'ECONNRESET' }), 'text', undefined, new TypeError('oops')]
    for (const cause of wild) {
      const storage = loaded({
        head: () => {
          // eslint-disable-next-line @typescript-eslint/only-throw-error -- plugins do
          throw cause
        },
      })
      await expect(storage.head('k', { signal: stop.signal })).rejects.toSatisfy(
        (error) => isStorageError(error, 'Permanent') && error.cause === cause,
      )
    }
  })

  it('never says "absent" of what was not asked for: law 2', async () => {
    const absent = (): Promise<never> => Promise.reject(new StorageError('NotFound', 'no such bucket'))
    const storage = loaded({
      put: absent,
      delete: absent,
      list: async function* () {
        await absent()
        yield object('k')
      },
    })
    const { signal } = stop
    await expect(storage.put('k', bytes('a'), { ifAbsent: true, signal })).rejects.toEqual(failing('Permanent'))
    await expect(storage.delete(['k'], { signal })).rejects.toEqual(failing('Permanent'))
    await expect(keys(storage.list('', { signal }))).rejects.toEqual(failing('Permanent'))
  })

  it.each([
    ['a confirmation without a size', { put: async (_: string, from: ByteSource) => (await read(from.open()), {}) }],
    ['a put that has read nothing', { put: () => Promise.resolve({ size: 3 }) }],
    ['another object than the one asked for', { head: () => Promise.resolve(object('other')) }],
    ['a date that is none', { head: (key: string) => Promise.resolve({ ...object(key), modifiedAt: 'today' }) }],
    ['no stream', { get: () => Promise.resolve('text') }],
    ['a stream of text', { get: () => Promise.resolve(['text'].values()) }],
  ])('%s is Permanent', async (_what, inner) => {
    const storage = loaded(inner as unknown as Partial<Storage>)
    const { signal } = stop
    const work =
      'put' in inner
        ? storage.put('k', bytes('abc'), { ifAbsent: true, signal })
        : 'head' in inner
          ? storage.head('k', { signal })
          : storage.get('k', { signal })
    await expect(work).rejects.toEqual(failing('Permanent'))
  })

  it.each([
    ['out of order', ['b', 'a']],
    ['twice', ['a', 'a']],
    ['in the order of UTF-16', ['\u{1f600}', '\uffee']],
    ['not below the prefix', ['a', 'x']],
  ])('a listing that gives keys %s is Permanent', async (what, listed) => {
    const storage = loaded({
      list: async function* () {
        for (const key of listed) yield await Promise.resolve(object(key))
      },
    })
    const prefix = what.includes('prefix') ? 'a' : ''
    await expect(keys(storage.list(prefix, { signal: stop.signal }))).rejects.toEqual(failing('Permanent'))
  })

  it('does not hide one of the source, which passes as it is and is not repeated', async () => {
    const own = new StorageError('Transient', 'the file cannot be read')
    const source: ByteSource = {
      size: undefined,
      open: async function* () {
        yield await Promise.resolve(Buffer.from('a'))
        throw own
      },
    }
    const hides = loaded({ put: async (_key, from) => ({ size: (await read(from.open()).catch(() => '')).length }) })
    const wraps = loaded({
      put: async (_key, from) => {
        await read(from.open()).catch((cause: unknown) => {
          throw new StorageError('Transient', 'upload failed', { cause })
        })
        return { size: 1 }
      },
    })
    for (const storage of [hides, wraps]) {
      await expect(storage.put('k', source, { ifAbsent: true, signal: stop.signal })).rejects.toBe(own)
    }
    expect(calls.map(({ outcome }) => outcome)).toEqual(['source', 'source'])
  })
})

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
