import { beforeEach, describe, expect, it } from 'vitest'
import {
  isStorageError,
  StorageError,
  type ByteSource,
  type Storage,
  type StorageErrorCode,
} from '../contract/index.ts'
import {
  bytes,
  calls,
  clock,
  failing,
  given,
  keys,
  loaded,
  object,
  read,
  startWatching,
  stop,
  transient,
  whileTimePasses,
} from './loaded-storage.fixture.ts'

beforeEach(startWatching)

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
