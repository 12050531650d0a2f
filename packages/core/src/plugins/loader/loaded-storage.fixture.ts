import { expect } from 'vitest'
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

/** What a test of {@link LoadedStorage} looks at; made anew by {@link startWatching}. */
export let clock: FakeClock
export let calls: PluginCall[]
export let stop: AbortController

/** To be called before each test. */
export function startWatching(): void {
  clock = new FakeClock()
  calls = []
  stop = new AbortController()
}

export const never = <T>(): Promise<T> => new Promise<T>(() => undefined)
export const transient = (retryAfterMs?: number): StorageError =>
  new StorageError('Transient', 'busy', { retryAfterMs })
export const object = (key: string): StoredObject => ({ key, size: 1, modifiedAt: new Date(0) })
export const bytes = (text: string): ByteSource => ({
  size: text.length,
  open: async function* () {
    for (const letter of text) yield await Promise.resolve(Buffer.from(letter))
  },
})
export async function* given(...texts: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text))
}
export async function read(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of source) text += Buffer.from(chunk).toString()
  return text
}
export async function keys(source: AsyncIterable<StoredObject>): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of source) found.push(key)
  return found
}
export const failing = (code: StorageErrorCode, text = ''): Error =>
  expect.toSatisfy(
    (error: unknown) => isStorageError(error, code) && error.message.includes(text),
    `a StorageError ${code} that says "${text}"`,
  ) as Error

/** A storage of which a test gives the methods that it needs, wrapped. */
export function loaded(inner: Partial<Storage>, options: Partial<CallOptions> = {}): LoadedStorage {
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
export async function whileTimePasses<T>(work: Promise<T>): Promise<T> {
  const state = { settled: false }
  const done = (): void => void (state.settled = true)
  work.then(done, done)
  for (let steps = 0; !state.settled && steps < 400; steps++) await clock.advance(500)
  return work
}
