import { beforeEach, describe, expect, it } from 'vitest'
import { WalrError } from '../../errors/walr-error.ts'
import { OptionsError, StorageError, type Storage } from '../contract/index.ts'
import { LateStorage } from './late-storage.ts'
import { bytes, clock, failing, keys, loaded, object, read, startWatching, stop } from './loaded-storage.fixture.ts'

beforeEach(startWatching)

interface Attempt {
  readonly resolve: (storage: Storage) => void
  readonly reject: (error: unknown) => void
}

const LIMIT_MS = 5000
let attempts: Attempt[]
let disposed: number
const open = (): Promise<Storage> =>
  new Promise((resolve, reject) => {
    attempts.push({ resolve, reject })
  })
const good = (): Storage =>
  loaded({
    put: async (_, source) => ({ size: Buffer.byteLength(await read(source.open())) }),
    get: () => Promise.resolve(bytes('abc').open()),
    head: (key) => Promise.resolve(object(key)),
    list: async function* () {
      yield await Promise.resolve(object('a'))
    },
    delete: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => {
      disposed += 1
      return Promise.resolve()
    },
  })

/** One whose first attempt is as old as the limit, as the loader makes it. */
async function late(): Promise<LateStorage> {
  attempts = []
  disposed = 0
  const storage = new LateStorage({ opening: open(), sinceMs: clock.now() }, open, { openTimeoutMs: LIMIT_MS, clock })
  await clock.advance(LIMIT_MS)
  return storage
}
const everything = (storage: Storage): readonly Promise<unknown>[] => {
  const { signal } = stop
  return [
    storage.put('a', bytes('abc'), { ifAbsent: true, signal }),
    storage.get('a', { signal }),
    storage.head('a', { signal }),
    keys(storage.list('', { signal })),
    storage.delete(['a'], { signal }),
  ]
}

describe('a storage that was not opened in time', () => {
  it('fails with Transient at once, and is not opened a second time', async () => {
    const storage = await late()
    const work = Promise.allSettled(everything(storage))
    await clock.advance(0)
    for (const { reason } of (await work) as PromiseRejectedResult[]) {
      expect(reason).toEqual(failing('Transient', 'has not answered for 5 s'))
    }
    expect(() => storage.capabilities).toThrow('not open yet')
    expect(attempts).toHaveLength(1)
  })

  it('works as soon as it is open', async () => {
    const storage = await late()
    attempts[0]?.resolve(good())
    await clock.advance(0)
    const [put, get, head, list] = await Promise.all(everything(storage))
    expect(put).toEqual({ size: 3 })
    expect(await read(get as AsyncIterable<Uint8Array>)).toBe('abc')
    expect([head, list]).toEqual([object('a'), ['a']])
    expect(storage.capabilities.createIfAbsent).toBe('atomic')
  })

  it('is opened again by the next operation when the attempt failed, which waits for it, for as long as the limit', async () => {
    const storage = await late()
    attempts[0]?.reject(new WalrError('WALR_PLUGIN', 'no route to host', { cause: new Error('no route') }))
    await clock.advance(60_000)
    const heads = [storage.head('a', stop), storage.head('b', stop)]
    await clock.advance(LIMIT_MS - 1)
    expect(attempts).toHaveLength(2)
    attempts[1]?.resolve(good())
    expect(await Promise.all(heads)).toEqual([object('a'), object('b')])
  })

  it.each([
    ['an error of its own', new Error('no route'), 'Transient'],
    ['a storage that is away', new StorageError('Transient', 'busy'), 'Transient'],
    ['a refusal', new StorageError('AccessDenied', 'no'), 'AccessDenied'],
    ['something that is absent, which is no object', new StorageError('NotFound', 'no bucket'), 'Permanent'],
    ['options that cannot be used', new OptionsError([{ path: 'path', message: 'bad' }]), 'Permanent'],
    ['no storage at all', undefined, 'Permanent'],
  ] as const)('says what it was when it fails with %s', async (_, cause, code) => {
    const storage = await late()
    attempts[0]?.reject(new Error('once'))
    await clock.advance(0)
    const head = storage.head('a', stop)
    attempts[1]?.reject(new WalrError('WALR_PLUGIN', 'could not be opened', cause === undefined ? {} : { cause }))
    await expect(head).rejects.toEqual(failing(code, 'could not be opened'))
  })

  it('gives up waiting with the reason of the caller’s signal', async () => {
    const storage = await late()
    attempts[0]?.reject(new Error('once'))
    await clock.advance(0)
    const head = storage.head('a', stop)
    stop.abort(new Error('enough'))
    await expect(head).rejects.toThrow('enough')
  })

  it('is closed when it is open, also when that comes later', async () => {
    const storage = await late()
    await storage[Symbol.asyncDispose]()
    await expect(storage.head('a', stop)).rejects.toEqual(failing('Permanent', 'closed'))
    attempts[0]?.resolve(good())
    await clock.advance(0)
    expect(disposed).toBe(1)
    const another = await late()
    attempts[0]?.resolve(good())
    await clock.advance(0)
    await another[Symbol.asyncDispose]()
    expect(disposed).toBe(1)
  })
})

it('keeps no timer when an attempt has ended', async () => {
  const storage = await late()
  attempts[0]?.reject(new Error('once'))
  await clock.advance(0)
  const head = storage.head('a', stop)
  expect(clock.timerCount).toBe(1)
  attempts[1]?.resolve(good())
  await head
  expect(clock.timerCount).toBe(0)
})
