import assert from 'node:assert/strict'
import {
  assertSameBytes,
  borrowedChunksOf,
  chunksOf,
  collect,
  collectAndOverwrite,
  randomChunksOf,
} from '../bytes/byte-stream.ts'
import { compressibleBytes, patternBytes } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { convert, stream, type CodecBench } from './codec-bench.ts'

const LARGE_BYTES = 3 * 1_048_576 + 5

/** What goes in comes out. */
export const roundTripCases: readonly ConformanceCase<CodecBench>[] = [
  {
    id: 'CODEC-ID-01',
    law: 'id, kind and suffix are well formed, and the same for every instance',
    run: async (bench) => {
      const [codec, other] = [await bench.open(), await bench.open()]
      assert.match(codec.id, /^[a-z0-9][a-z0-9._/-]{0,63}$/, 'id: small letters, digits, dot, dash, slash')
      assert.match(codec.suffix, /^\.[a-z0-9]{1,8}$/, 'suffix: a dot and 1 to 8 small letters or digits')
      assert.ok(['compression', 'encryption'].includes(codec.kind), `kind is "${codec.kind}"`)
      const { id, kind, suffix } = codec
      assert.deepEqual({ id: other.id, kind: other.kind, suffix: other.suffix }, { id, kind, suffix })
    },
  },
  {
    id: 'CODEC-RT-01',
    law: 'however the bytes are cut on either side, they come back',
    timeoutMs: 60_000,
    run: async (bench) => {
      const codec = await bench.open()
      const objects = [patternBytes(1, 1), patternBytes(300, 2), compressibleBytes(150_001), patternBytes(150_001, 3)]
      for (const [index, plain] of objects.entries()) {
        for (const seed of [1, 2, 3].map((number) => number * 10 + index)) {
          const coded = await convert(codec, 'encode', randomChunksOf(plain, seed))
          const decoded = await convert(codec, 'decode', randomChunksOf(coded, seed + 1))
          assertSameBytes(decoded, plain, `${plain.length} bytes, cut at random`)
        }
      }
      const plain = compressibleBytes(2000)
      const coded = await convert(codec, 'encode', chunksOf(plain, 1))
      assertSameBytes(await convert(codec, 'decode', chunksOf(coded, 1)), plain, '2,000 bytes, one at a time')
    },
  },
  {
    id: 'CODEC-RT-02',
    law: 'nothing comes back as nothing, whether it comes in no chunk or in empty ones',
    run: async (bench) => {
      const codec = await bench.open()
      const empty = new Uint8Array(0)
      for (const chunks of [[], [empty], [empty, empty, empty]]) {
        const coded = await convert(codec, 'encode', iterate(chunks))
        assert.ok(
          coded.length > 0,
          'the encoding of nothing is nothing, which cannot be told from an object that was cut',
        )
        assertSameBytes(await convert(codec, 'decode', coded), empty, `${chunks.length} empty chunks`)
      }
    },
  },
  {
    id: 'CODEC-RT-03',
    law: '3 MiB come back, be they easy to compress or impossible',
    timeoutMs: 60_000,
    run: async (bench) => {
      const codec = await bench.open()
      const mixed = Buffer.concat([compressibleBytes(1_000_003), patternBytes(1_000_003, 4), new Uint8Array(1_000_003)])
      for (const plain of [compressibleBytes(LARGE_BYTES), patternBytes(LARGE_BYTES, 3), mixed]) {
        const coded = await convert(codec, 'encode', plain)
        assertSameBytes(await convert(codec, 'decode', coded), plain, '3 MiB')
        // One chunk of it all, as a segment in memory is.
        const atOnce = await convert(codec, 'encode', iterate([plain]))
        assertSameBytes(await convert(codec, 'decode', iterate([atOnce])), plain, '3 MiB in one chunk')
      }
    },
  },
  {
    id: 'CODEC-RT-04',
    law: 'what one instance encodes another one decodes',
    run: async (bench) => {
      const plain = compressibleBytes(70_000)
      const coded = await convert(await bench.open(), 'encode', plain)
      assertSameBytes(await convert(await bench.open(), 'decode', coded), plain, '70,000 bytes, by another instance')
    },
  },
  {
    id: 'CODEC-BUF-01',
    law: 'an input chunk is used before the next one is asked for: its buffer may be reused',
    run: async (bench) => {
      const codec = await bench.open()
      for (const plain of [patternBytes(500_000, 5), compressibleBytes(500_000)]) {
        for (const chunkBytes of [777, 65_536, 200_000]) {
          const coded = await convert(codec, 'encode', borrowedChunksOf(plain, chunkBytes))
          assertSameBytes(await convert(codec, 'decode', coded), plain, 'what was encoded from a reused buffer')
          const decoded = await convert(codec, 'decode', borrowedChunksOf(coded, chunkBytes))
          assertSameBytes(decoded, plain, 'what was decoded from a reused buffer')
        }
      }
    },
  },
  {
    id: 'CODEC-BUF-02',
    law: 'an output chunk belongs to the reader until the next one: writing on it changes no other byte',
    run: async (bench) => {
      const codec = await bench.open()
      for (const plain of [patternBytes(500_000, 6), compressibleBytes(500_000)]) {
        const coded = await collectAndOverwrite(stream(codec, 'encode', plain))
        assertSameBytes(await convert(codec, 'decode', coded), plain, 'what was encoded, chunks written on')
        const decoded = await collectAndOverwrite(stream(codec, 'decode', coded))
        assertSameBytes(decoded, plain, 'what was decoded, chunks written on')
      }
    },
  },
  {
    id: 'CODEC-PAR-01',
    law: 'many objects at once do not disturb each other',
    timeoutMs: 60_000,
    run: async (bench) => {
      const codec = await bench.open()
      const objects = Array.from({ length: 12 }, (_, index) =>
        index % 2 === 0 ? patternBytes(100_000 + index, index) : compressibleBytes(200_000 + index),
      )
      const coded = await Promise.all(
        objects.map((plain, index) => convert(codec, 'encode', randomChunksOf(plain, index))),
      )
      const decoded = await Promise.all(
        coded.map((bytes, index) => convert(codec, 'decode', randomChunksOf(bytes, index))),
      )
      for (const [index, plain] of objects.entries()) {
        assertSameBytes(decoded[index] ?? new Uint8Array(0), plain, `object ${index} of 12 at once`)
      }
      // Step by step in turn: state that is shared would be mixed for certain.
      const streams = objects.map((plain) => collect(stream(codec, 'encode', chunksOf(plain, 1000))))
      for (const [index, bytes] of (await Promise.all(streams)).entries()) {
        const plain = objects[index] ?? new Uint8Array(0)
        assertSameBytes(await convert(codec, 'decode', bytes), plain, `object ${index} of 12, in turn`)
      }
    },
  },
]

async function* iterate(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) {
    await Promise.resolve()
    yield chunk
  }
}
