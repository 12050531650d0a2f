import assert from 'node:assert/strict'
import { assertSameBytes } from '../bytes/byte-stream.ts'
import { patternBytes } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { rejectsWithCodecError } from '../suite/rejection.ts'
import { convert, OBJECT_KEY, type CodecBench } from './codec-bench.ts'

const OBJECT_KEYS = [`${OBJECT_KEY}0`, OBJECT_KEY.slice(0, -1), OBJECT_KEY.replace('main', 'test'), 'x']

/** What belongs to whom: laws of encryptions, and what a compression does instead. */
export const codecKeyCases: readonly ConformanceCase<CodecBench>[] = [
  {
    id: 'CODEC-KEY-01',
    law: "decoding as another object throws Corrupt with an encryption; a compression ignores the object's key",
    run: async (bench) => {
      const codec = await bench.open()
      for (const plain of [new Uint8Array(0), patternBytes(100_000, 41)]) {
        const coded = await convert(codec, 'encode', plain)
        for (const objectKey of OBJECT_KEYS) {
          const work = () => convert(codec, 'decode', coded, { objectKey })
          if (codec.kind === 'encryption') await rejectsWithCodecError(work, 'decode as another object', 'Corrupt')
          else assertSameBytes(await work(), plain, 'decode as another object')
        }
      }
    },
  },
  {
    id: 'CODEC-KEY-02',
    law: 'without its key an encrypted object throws WrongKey; a compression has none and its harness offers none',
    run: async (bench) => {
      const codec = await bench.open()
      if (codec.kind !== 'encryption') {
        assert.ok(!('openWithOtherKey' in bench.harness), 'the harness of a compression has openWithOtherKey')
        return
      }
      const other = await bench.openWithOtherKey()
      for (const plain of [new Uint8Array(0), patternBytes(100_000, 42)]) {
        const coded = await convert(codec, 'encode', plain)
        await rejectsWithCodecError(() => convert(other, 'decode', coded), 'decode with another key', 'WrongKey')
        const theirs = await convert(other, 'encode', plain)
        assertSameBytes(await convert(other, 'decode', theirs), plain, 'what the other key encoded and decoded')
      }
    },
  },
  {
    id: 'CODEC-KEY-03',
    law: 'the same object encoded twice decodes both times, and an encryption shows no two equal blocks of it',
    run: async (bench) => {
      const codec = await bench.open()
      const plain = new Uint8Array(200_000)
      const coded = [await convert(codec, 'encode', plain), await convert(codec, 'encode', plain)]
      for (const bytes of coded) assertSameBytes(await convert(codec, 'decode', bytes), plain, 'what was encoded twice')
      if (codec.kind !== 'encryption') return
      assert.notDeepEqual(
        Buffer.from(coded[0] ?? plain),
        Buffer.from(coded[1] ?? plain),
        'the same object encoded twice',
      )
      const blocks = coded.flatMap((bytes) => blocksOf(bytes.subarray(4096)))
      assert.equal(new Set(blocks).size, blocks.length, 'different blocks of 32 bytes in two encryptions of zeros')
    },
  },
]

/** Whole blocks of 32 bytes; random ones never repeat. */
function blocksOf(bytes: Uint8Array): readonly string[] {
  const buffer = Buffer.from(bytes)
  return Array.from({ length: Math.floor(buffer.length / 32) }, (_, index) =>
    buffer.subarray(index * 32, index * 32 + 32).toString('latin1'),
  )
}
