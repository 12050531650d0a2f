import { randomBytes, randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkCodec, createCryptoCodec } from './crypto-codec.ts'
import { Keyring } from './keyring.ts'
import {
  CHUNK,
  codecOf,
  collect,
  contextOf,
  decode,
  encode,
  hookContext,
  keyBytes,
  pieces,
  ring,
  sampleBytes,
} from './object.fixture.ts'
import { PassphraseKeys } from './passphrase-keys.ts'
import { deriveWrappingKey } from './wrapping-key.ts'

describe('what was encrypted', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17])('comes back, %i bytes', async (length) => {
    const plain = sampleBytes(length)
    const coded = await encode(plain)
    expect(await decode(coded)).toEqual(plain)
    if (length > 16) expect(coded.includes(plain.subarray(0, 16))).toBe(false)
  })

  it('comes back however both streams are cut into pieces', async () => {
    const plain = sampleBytes(5 * CHUNK + 100)
    for (const size of [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, plain.length]) {
      const coded = await collect(codecOf().encode(pieces(plain, size), contextOf()))
      expect(coded.length, `pieces of ${size}`).toBe((await encode(plain)).length)
      expect(await collect(codecOf().decode(pieces(coded, size), contextOf()))).toEqual(plain)
    }
  })

  it('comes back when the input reuses its buffer and has empty pieces', async () => {
    const plain = sampleBytes(4 * CHUNK + 5)
    const coded = await collect(codecOf().encode(reusing(plain, 5000), contextOf()))
    expect(await collect(codecOf().decode(reusing(coded, 3000), contextOf()))).toEqual(plain)
  })

  it('is other bytes each time', async () => {
    const plain = sampleBytes(100)
    const [first, second] = [await encode(plain), await encode(plain)]
    // Binding and key slot begin alike; body id, wrapped key and chunk do not.
    expect(first.subarray(9, 25)).not.toEqual(second.subarray(9, 25))
    expect(first.subarray(-116)).not.toEqual(second.subarray(-116))
  })

  it('comes back from many streams at once', async () => {
    const codec = codecOf()
    const plains = Array.from({ length: 20 }, () => randomBytes(randomInt(3 * CHUNK)))
    const back = await Promise.all(plains.map(async (plain) => decode(await encode(plain, codec), codec)))
    expect(back).toEqual(plains)
  })

  it('is read with the size of chunks that it was written with', async () => {
    const plain = sampleBytes(100_000)
    const coded = await encode(plain, createCryptoCodec({ keyring: ring, chunkSize: 65_536 }))
    expect(await decode(coded)).toEqual(plain)
  })
})

describe('a stream', () => {
  it('is given on before the input has ended, in both directions', async () => {
    const encoder = codecOf().encode(endless(), contextOf())
    const decoded = codecOf().decode(encoder, contextOf())[Symbol.asyncIterator]()
    expect((await decoded.next()).value).toEqual(Buffer.alloc(CHUNK))
    await decoded.return?.()
  })

  it('closes its input when the consumer leaves early', async () => {
    for (const direction of ['encode', 'decode'] as const) {
      const coded = await encode(sampleBytes(3 * CHUNK))
      const input = watched(coded)
      for await (const piece of codecOf()[direction](input, contextOf())) if (piece.length > 0) break
      expect(input.closed, direction).toBe(true)
    }
  })

  it('closes its input when it finds a fault', async () => {
    const input = watched(Buffer.alloc(5 * CHUNK))
    await expect(collect(codecOf().decode(input, contextOf()))).rejects.toThrow('WALRAES')
    expect(input.closed).toBe(true)
  })

  it('passes an error of the input on as it is, even one that is a CodecError', async () => {
    const coded = await encode(sampleBytes(3 * CHUNK))
    for (const direction of ['encode', 'decode'] as const) {
      const inner = await decode(Buffer.from('x')).catch((error: unknown) => error)
      const failing = codecOf()[direction](failingAfter(coded.subarray(0, 2 * CHUNK), inner), contextOf())
      await expect(collect(failing).catch((error: unknown) => error)).resolves.toBe(inner)
    }
  })

  it('ends with the reason of its signal, before and while it runs', async () => {
    const reason = new Error('no longer wanted')
    for (const direction of ['encode', 'decode'] as const) {
      const coded = await encode(sampleBytes(5 * CHUNK))
      const aborted = codecOf()[direction](pieces(coded), contextOf('k', AbortSignal.abort(reason)))
      await expect(collect(aborted)).rejects.toBe(reason)
      const controller = new AbortController()
      const input = watched(coded)
      const stream = codecOf()[direction](input, { ...contextOf(), signal: controller.signal })
      const leaving = async (): Promise<void> => {
        for await (const piece of stream) if (piece.length > 0) controller.abort(reason)
      }
      await expect(leaving()).rejects.toBe(reason)
      expect(input.closed, direction).toBe(true)
    }
  })

  it('ends with the reason of its signal in the middle of a large piece, too', async () => {
    const reason = new Error('no longer wanted')
    const coded = await encode(sampleBytes(5 * CHUNK))
    for (const direction of ['encode', 'decode'] as const) {
      const controller = new AbortController()
      let given = 0
      const leaving = (async (): Promise<void> => {
        for await (const piece of codecOf()[direction](pieces(coded), contextOf(undefined, controller.signal))) {
          given += Math.min(piece.length, 1)
          controller.abort(reason)
        }
      })()
      await expect(leaving).rejects.toBe(reason)
      expect(given, direction).toBe(1)
    }
  })

  it('of 512 MiB needs memory for a few chunks only', async () => {
    const codec = createCryptoCodec({ keyring: ring, chunkSize: 65_536 })
    const piece = Buffer.alloc(1 << 20, 7)
    const before = process.memoryUsage.rss()
    let highest = 0
    let length = 0
    const plain = repeated(piece, 512)
    for await (const part of codec.decode(codec.encode(plain, contextOf()), contextOf())) {
      length += part.length
      if (length % (16 << 20) === 0) highest = Math.max(highest, process.memoryUsage.rss() - before)
    }
    expect(length).toBe(512 << 20)
    expect(highest).toBeLessThan(48 << 20)
  }, 60_000)
})

describe('the check at start', () => {
  it('passes with a key that decrypts what it has encrypted', async () => {
    await expect(checkCodec(codecOf(), hookContext('/'))).resolves.toBeUndefined()
  })

  it('fails with a key that does not', async () => {
    const current = deriveWrappingKey('k1', keyBytes(0))
    const passphraseKeys = new PassphraseKeys(14)
    const keyring = new Keyring({
      current,
      keys: [deriveWrappingKey('k2', keyBytes(1))],
      passphrases: [],
      passphraseKeys,
    })
    await expect(checkCodec(codecOf(keyring), hookContext('/'))).rejects.toMatchObject({ code: 'WrongKey' })
    const lossy = { ...codecOf(), decode: () => pieces(Buffer.from('other bytes')) }
    await expect(checkCodec(lossy, hookContext('/'))).rejects.toThrow('does not decrypt what it has encrypted')
  })
})

/** Pieces of one buffer that is overwritten when the next one is asked for; every other piece is empty. */
// eslint-disable-next-line @typescript-eslint/require-await -- a codec wants an asynchronous source
async function* reusing(bytes: Buffer, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.alloc(size)
  for (let at = 0; at < bytes.length; at += size) {
    const length = bytes.copy(buffer, 0, at, at + size)
    yield buffer.subarray(0, length)
    buffer.fill(0xee)
    yield buffer.subarray(0, 0)
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- a codec wants an asynchronous source
async function* repeated(piece: Buffer, count: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let index = 0; index < count; index++) yield piece
}

// eslint-disable-next-line @typescript-eslint/require-await -- a codec wants an asynchronous source
async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) yield Buffer.alloc(1000)
}

async function* failingAfter(bytes: Buffer, error: unknown): AsyncGenerator<Uint8Array, void, undefined> {
  yield* pieces(bytes, 1000)
  throw error as Error
}

/** A stream that knows whether it was closed. */
function watched(bytes: Buffer): AsyncIterable<Uint8Array> & { readonly closed: boolean } {
  const state = { closed: false }
  async function* watchedPieces(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* pieces(bytes, 1000)
    } finally {
      state.closed = true
    }
  }
  return {
    [Symbol.asyncIterator]: watchedPieces,
    get closed() {
      return state.closed
    },
  }
}
