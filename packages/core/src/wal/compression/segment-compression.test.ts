import { gzipSync, zstdCompressSync, constants } from 'node:zlib'
import { compressFrame } from 'lz4-napi'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWalrError } from '../../errors/walr-error.ts'
import type { ActiveCompressionSpec } from './compression-spec.ts'
import type { CompressionSuffix } from './compression-suffix.ts'
import { decodedSize, decodeSegment } from './segment-decoder.ts'
import { createSegmentEncoder, type SegmentEncoder } from './segment-encoder.ts'

const methods: readonly (readonly [ActiveCompressionSpec['method'], CompressionSuffix])[] = [
  ['gzip', '.gz'],
  ['lz4', '.lz4'],
  ['zstd', '.zst'],
]
const corrupt = expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_SEGMENT_CORRUPT')) as Error

/** Bytes that compress somewhat, and the same each time. */
function walLike(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    if (at % 7 === 0) state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    bytes[at] = at % 64 < 20 ? state >>> 24 : at % 13
  }
  return bytes
}

async function* cutInto(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Uint8Array[] = []
  for await (const chunk of chunks) copies.push(chunk)
  return Buffer.concat(copies)
}

async function decode(
  suffix: CompressionSuffix,
  coded: Uint8Array,
  options: { readonly chunk?: number; readonly tolerateCut?: boolean } = {},
): Promise<Buffer> {
  const source = cutInto(coded, options.chunk ?? 65_536)
  return all(decodeSegment(suffix, source, { tolerateCut: options.tolerateCut ?? false }))
}

async function encode(
  spec: ActiveCompressionSpec,
  run: (encoder: SegmentEncoder, emitted: () => Buffer) => Promise<void>,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  const encoder = createSegmentEncoder(spec, (chunk) => {
    chunks.push(Buffer.from(chunk))
    return Promise.resolve()
  })
  await run(encoder, () => Buffer.concat(chunks))
  encoder.destroy()
  return Buffer.concat(chunks)
}

const whole = (spec: ActiveCompressionSpec, plain: Buffer): Promise<Buffer> =>
  encode(spec, async (encoder) => {
    await encoder.write(plain, 0, plain.length)
    await encoder.end()
  })

describe.each(methods)('%s', (method, suffix) => {
  const spec: ActiveCompressionSpec = { method, level: undefined }

  it('gives back any bytes, written in any pieces from a buffer that is used again', async () => {
    const pieces = fc.array(
      fc.record({ length: fc.nat(90_000), flush: fc.boolean(), seed: fc.integer({ min: 1, max: 3 }) }),
      { maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 70_000 }), async (plan, chunk) => {
        const shared = Buffer.alloc(100_000)
        const written: Buffer[] = []
        const coded = await encode(spec, async (encoder) => {
          for (const { length, flush, seed } of plan) {
            const piece = walLike(length, seed)
            shared.set(piece, 17)
            written.push(piece)
            await encoder.write(shared, 17, length)
            shared.fill(0xee)
            if (flush) await encoder.flush()
          }
          await encoder.end()
        })
        expect((await decode(suffix, coded, { chunk })).equals(Buffer.concat(written))).toBe(true)
      }),
      { numRuns: 15 },
    )
  })

  it('has emitted everything when a flush resolves, also in small amounts', async () => {
    const plain = walLike(150_000)
    await encode(spec, async (encoder, emitted) => {
      let at = 0
      for (const length of [1, 1, 100, 8192, 70_000, 3, 66_000]) {
        await encoder.write(plain, at, length)
        at += length
        await encoder.flush()
        const decoded = await decode(suffix, emitted(), { tolerateCut: true })
        expect(decoded.equals(plain.subarray(0, at))).toBe(true)
      }
    })
  })

  it('of nothing is a complete file of size 0', async () => {
    const coded = await encode(spec, (encoder) => encoder.end())
    expect(await decodedSize(suffix, cutInto(coded, 5))).toBe(0)
  })

  it('cut at any byte is an error, and a prefix where cuts are tolerated', async () => {
    const plain = walLike(1200)
    const coded = await encode(spec, async (encoder) => {
      for (let at = 0; at < plain.length; at += 200) {
        await encoder.write(plain, at, 200)
        await encoder.flush()
      }
      await encoder.end()
    })
    let longest = 0
    for (let length = 0; length < coded.length; length++) {
      await expect(decode(suffix, coded.subarray(0, length))).rejects.toThrow(corrupt)
      const prefix = await decode(suffix, coded.subarray(0, length), { tolerateCut: true, chunk: 100 })
      expect(prefix.equals(plain.subarray(0, prefix.length))).toBe(true)
      expect(prefix.length).toBeGreaterThanOrEqual(longest)
      longest = prefix.length
    }
    expect(longest).toBe(plain.length)
  })

  it('keeps all that was flushed when garbage or zeros follow, as after a crash of the machine', async () => {
    const plain = walLike(100_000)
    const flushed = await encode(spec, async (encoder) => {
      await encoder.write(plain, 0, 40_000)
      await encoder.flush()
      await encoder.write(plain, 40_000, 60_000)
      await encoder.flush()
    })
    for (const tail of [Buffer.alloc(5000), Buffer.alloc(5000, 0xff), walLike(5000, 9)]) {
      const decoded = await decode(suffix, Buffer.concat([flushed, tail]), { tolerateCut: true })
      expect(decoded.subarray(0, plain.length).equals(plain)).toBe(true)
    }
  })

  it.each([
    ['a zero', Buffer.alloc(1)],
    ['zeros', Buffer.alloc(70_000)],
    ['garbage', Buffer.from('garbage')],
  ])('followed by %s is an error, wherever the chunks are cut', async (_what, tail) => {
    const plain = walLike(2000)
    const coded = Buffer.concat([await whole(spec, plain), tail])
    for (const chunk of [1_000_000, coded.length - tail.length, 100]) {
      await expect(decode(suffix, coded, { chunk })).rejects.toThrow(corrupt)
      const tolerated = await decode(suffix, coded, { chunk, tolerateCut: true })
      expect(tolerated.equals(plain.subarray(0, tolerated.length))).toBe(true)
    }
  })

  it('of other formats is an error', async () => {
    for (const other of [Buffer.alloc(100), Buffer.from('plain text, nothing else'), walLike(16_384)]) {
      await expect(decode(suffix, other)).rejects.toThrow(corrupt)
      expect(await decode(suffix, other, { tolerateCut: true })).toHaveLength(0)
    }
  })

  it('passes an error of the source on as it is, tolerant or not', async () => {
    const coded = await whole(spec, walLike(200_000))
    for (const tolerateCut of [false, true]) {
      const source = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        yield await Promise.resolve(coded.subarray(0, 50))
        throw new Error('EIO: i/o error, read')
      }
      await expect(all(decodeSegment(suffix, source(), { tolerateCut }))).rejects.toThrow('EIO')
    }
  })

  it('closes the source when the consumer stops early', async () => {
    const coded = await whole(spec, walLike(2_000_000))
    let closed = false
    const source = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield* cutInto(coded, 1000)
      } finally {
        closed = true
      }
    }
    for await (const chunk of decodeSegment(suffix, source(), { tolerateCut: false })) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
    expect(closed).toBe(true)
  })

  it('is measured without decoding much more than the limit', async () => {
    const coded = await whole(spec, walLike(3_000_000))
    expect(await decodedSize(suffix, cutInto(coded, 4096), 100_000)).toBeLessThan(1_000_000)
    expect(await decodedSize(suffix, cutInto(coded, 4096))).toBe(3_000_000)
  })

  it('rejects with the error of emit, and never resolves a write that was not emitted', async () => {
    const full = new Error('ENOSPC: no space left on device, write')
    const encoder = createSegmentEncoder(spec, () => Promise.reject(full))
    const plain = walLike(300_000)
    await expect(encoder.write(plain, 0, plain.length).then(() => encoder.flush())).rejects.toBe(full)
    encoder.destroy()
    encoder.destroy()
  })

  it('refuses to be used after it was destroyed', async () => {
    const encoder = createSegmentEncoder(spec, () => Promise.resolve())
    encoder.destroy()
    const used = encoder.write(walLike(100), 0, 100).then(() => encoder.flush())
    await expect(used).rejects.toThrow(
      expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_INTERNAL')) as Error,
    )
  })

  it('does not grow the bytes that it cannot compress by more than a hundredth', async () => {
    const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536)))
    const coded = await whole(spec, noise)
    expect(coded.length).toBeLessThan(noise.length * 1.01)
    expect((await decode(suffix, coded)).equals(noise)).toBe(true)
  })
})

describe('a damaged compressed segment', () => {
  const plain = walLike(5000)

  it.each([
    ['.gz', 'its checksum', () => Promise.resolve(gzipSync(plain))],
    [
      '.zst',
      'its checksum',
      () => Promise.resolve(zstdCompressSync(plain, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })),
    ],
    ['.lz4', 'a content checksum', () => compressFrame(plain, { contentChecksum: true })],
    ['.lz4', 'block checksums', () => compressFrame(plain, { blockChecksums: true })],
  ] as const)('%s with %s never gives other bytes when a bit is turned over', async (suffix, _checksum, make) => {
    const coded = await make()
    expect((await decode(suffix, coded)).equals(plain)).toBe(true)
    let refused = 0
    for (let at = 0; at < coded.length; at += 3) {
      const damaged = Buffer.from(coded)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8))
      try {
        expect((await decode(suffix, damaged)).equals(plain), `byte ${at}`).toBe(true)
      } catch (error) {
        if (!isWalrError(error, 'WALR_SEGMENT_CORRUPT')) throw error
        refused++
      }
    }
    // A few bits mean nothing, such as the time in a gzip header.
    expect(refused).toBeGreaterThan(coded.length / 3 / 2)
  })
})

describe('files of other programs', () => {
  it('are read: several gzip members', async () => {
    const coded = Buffer.concat([gzipSync('one'), gzipSync('two')])
    for (const chunk of [1, 23, 1000]) expect((await decode('.gz', coded, { chunk })).toString()).toBe('onetwo')
  })

  it('are refused when a second zstd frame follows, wherever the chunks are cut', async () => {
    const first = zstdCompressSync('one')
    const coded = Buffer.concat([first, zstdCompressSync('two')])
    for (const chunk of [1, first.length, 1000]) await expect(decode('.zst', coded, { chunk })).rejects.toThrow(corrupt)
  })
})

describe('the header', () => {
  it.each([
    ['gzip', '1f8b0800000000000003'],
    ['lz4', '04224d184040c0'],
    ['zstd', '28b52ffd04'],
  ] as const)('of %s is the one that pg_receivewal or the format has: %s', async (method, hex) => {
    const coded = await whole({ method, level: undefined }, walLike(100))
    expect(coded.toString('hex').startsWith(hex)).toBe(true)
  })

  it('changes with the level, so the level reaches the method', async () => {
    const plain = walLike(300_000)
    const sizes = async (method: 'gzip' | 'zstd', best: number): Promise<number[]> => [
      (await whole({ method, level: best }, plain)).length,
      (await whole({ method, level: 1 }, plain)).length,
    ]
    const [best = 0, fast = 0] = await sizes('gzip', 9)
    expect(best).toBeLessThan(fast)
    const [bestZstd = 0, fastZstd = 0] = await sizes('zstd', 19)
    expect(bestZstd).toBeLessThan(fastZstd)
  })

  it('of zstd takes workers and long-distance matching', async () => {
    const plain = walLike(1_000_000)
    const coded = await whole({ method: 'zstd', level: 3, workers: 2, long: true }, plain)
    expect((await decode('.zst', coded)).equals(plain)).toBe(true)
  })
})
