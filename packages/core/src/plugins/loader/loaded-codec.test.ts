import { beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../../errors/walr-error.ts'
import { CodecError, isCodecError, type Codec } from '../contract/index.ts'
import type { PluginCall } from './call-options.ts'
import { FakeClock } from './fake-clock.fixture.ts'
import { LoadedCodec } from './loaded-codec.ts'

type Bytes = AsyncIterable<Uint8Array>

let calls: PluginCall[]
let clock: FakeClock
let stop: AbortController
beforeEach(() => {
  calls = []
  clock = new FakeClock()
  stop = new AbortController()
})

function loaded(encode: (input: Bytes) => Bytes): LoadedCodec {
  const inner: Codec = { id: 'x', kind: 'compression', suffix: '.x', encode, decode: encode }
  const observe = (call: PluginCall): void => void calls.push(call)
  return new LoadedCodec(inner, '@acme/walr-x', (text) => text.replaceAll('hunter22', '********'), { observe, clock })
}
async function* given(...texts: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text))
}
async function* failing(error: unknown): AsyncGenerator<Uint8Array, void, undefined> {
  yield* given('a')
  throw error
}
async function run(codec: Codec, input: Bytes): Promise<string> {
  let text = ''
  const context = { objectKey: 'wal/1', signal: stop.signal }
  for await (const chunk of codec.decode(input, context)) text += Buffer.from(chunk).toString()
  return text
}

describe('a codec that was loaded', () => {
  it('passes bytes on and tells how many, and how long the codec itself took', async () => {
    const codec = loaded(async function* (input) {
      for await (const chunk of input) {
        await clock.advance(10)
        yield chunk
      }
    })
    const slow = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      for (const text of ['ab', 'c']) {
        await clock.advance(5000)
        yield Buffer.from(text)
      }
    }
    expect(await run(codec, slow())).toBe('abc')
    expect(calls).toEqual([{ plugin: '@acme/walr-x', operation: 'decode', durationMs: 20, outcome: 'ok', bytes: 3 }])
  })

  it('throws the codec errors of the plugin with plugin and object, without secrets', async () => {
    for (const code of ['Corrupt', 'WrongKey'] as const) {
      const own = new CodecError(code, 'key hunter22')
      await expect(
        run(
          loaded(() => failing(own)),
          given(),
        ),
      ).rejects.toSatisfy(
        (error) =>
          isCodecError(error, code) &&
          error.cause === own &&
          error.message === '@acme/walr-x: decode "wal/1": key ********',
      )
    }
    expect(calls.map(({ outcome }) => outcome)).toEqual(['Corrupt', 'WrongKey'])
  })

  it.each([
    ['an error of another kind', () => failing(new TypeError('oops'))],
    ['something that is no error', () => failing('text')],
    ['no stream', () => undefined as unknown as Bytes],
    ['text for bytes', () => ['text'] as unknown as Bytes],
  ])('makes %s a fault of the plugin, not of the object', async (_what, encode) => {
    await expect(run(loaded(encode), given())).rejects.toSatisfy((error) => isWalrError(error, 'WALR_PLUGIN'))
    expect(calls.map(({ outcome }) => outcome)).toEqual(['Permanent'])
  })

  it('passes an error of the input as it is, also when the codec wraps or swallows it', async () => {
    const own = new Error('the storage is gone')
    const passes = loaded((input) => input)
    const wraps = loaded(async function* (input) {
      try {
        yield* input
      } catch (cause) {
        throw new CodecError('Corrupt', 'it ends too early', { cause })
      }
    })
    const swallows = loaded(async function* (input) {
      try {
        yield* input
      } catch {
        yield Buffer.from('the end')
      }
    })
    for (const codec of [passes, wraps, swallows]) await expect(run(codec, failing(own))).rejects.toBe(own)
    expect(calls.map(({ outcome }) => outcome)).toEqual(['source', 'source', 'source'])
  })

  it('ends with the reason of the signal', async () => {
    const codec = loaded((input) => input)
    const chunks = codec.encode(given('a', 'b'), { objectKey: 'k', signal: stop.signal })[Symbol.asyncIterator]()
    await chunks.next()
    stop.abort('enough')
    await expect(chunks.next()).rejects.toBe('enough')
    await expect(run(codec, given('a'))).rejects.toBe('enough')
    expect(calls.map(({ outcome }) => outcome)).toEqual(['aborted', 'aborted'])
  })

  it('closes its input when it is left early, and when the codec reads only a part of it, which is a fault', async () => {
    let open = 0
    const input = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      open += 1
      try {
        for (;;) yield await Promise.resolve(Buffer.from('a'))
      } finally {
        open -= 1
      }
    }
    const context = { objectKey: 'k', signal: stop.signal }
    for await (const chunk of loaded((from) => from).encode(input(), context)) if (chunk.length > 0) break
    const careless = loaded(async function* (from) {
      await from[Symbol.asyncIterator]().next()
      yield Buffer.from('x')
    })
    await expect(run(careless, input())).rejects.toSatisfy((error) => isWalrError(error, 'WALR_PLUGIN'))
    expect(open).toBe(0)
  })
})
