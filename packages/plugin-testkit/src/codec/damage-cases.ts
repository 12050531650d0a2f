import assert from 'node:assert/strict'
import { isCodecError, type Codec } from '@walr/core/plugin'
import { assertSameBytes } from '../bytes/byte-stream.ts'
import { compressibleBytes, patternBytes, patternNumbers } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { brief, rejectsWithCodecError } from '../suite/rejection.ts'
import { convert, type CodecBench } from './codec-bench.ts'

const CASE_TIMEOUT_MS = 120_000
const LARGE_BYTES = 700_001
/** Of a large object: all cuts and bits would take minutes and find what those near the edges find. */
const SAMPLE_COUNT = 60

/** What is altered is never given out as right. */
export const damageCases: readonly ConformanceCase<CodecBench>[] = [
  {
    id: 'CODEC-CUT-01',
    law: 'a small object that is cut at any byte throws Corrupt, also when nothing of it is left',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      const codec = await bench.open()
      for (const plain of smallObjects()) {
        const coded = await convert(codec, 'encode', plain)
        for (let length = 0; length < coded.length; length++) await expectCorruptCut(codec, coded, length)
      }
    },
  },
  {
    id: 'CODEC-CUT-02',
    law: 'a large object that is cut anywhere throws Corrupt',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      const codec = await bench.open()
      for (const plain of [patternBytes(LARGE_BYTES, 31), compressibleBytes(LARGE_BYTES)]) {
        const coded = await convert(codec, 'encode', plain)
        for (const length of samplePositions(coded.length)) await expectCorruptCut(codec, coded, length)
      }
    },
  },
  {
    id: 'CODEC-CUT-03',
    law: 'an object that is followed by more bytes throws Corrupt, a second object included',
    run: async (bench) => {
      const codec = await bench.open()
      for (const plain of [...smallObjects(), patternBytes(LARGE_BYTES, 32)]) {
        const coded = await convert(codec, 'encode', plain)
        const second = await convert(codec, 'encode', plain)
        const nothing = await convert(codec, 'encode', new Uint8Array(0))
        for (const more of [[0], [0xff], [0x1f], new Uint8Array(512), patternBytes(100_000, 1), second, nothing]) {
          const what = `decode of an object with ${more.length} bytes behind it`
          await rejectsWithCodecError(
            () => convert(codec, 'decode', Buffer.concat([coded, new Uint8Array(more)])),
            what,
            'Corrupt',
          )
        }
      }
    },
  },
  {
    id: 'CODEC-CUT-04',
    law: 'what is not of this format throws Corrupt',
    run: async (bench) => {
      const codec = await bench.open()
      const foreign = [Buffer.from('x'), Buffer.from('not an encoded object at all'), new Uint8Array(100_000)]
      for (const bytes of [...foreign, patternBytes(16, 1), patternBytes(100_000, 2), compressibleBytes(100_000)]) {
        await rejectsWithCodecError(() => convert(codec, 'decode', bytes), 'decode of foreign bytes', 'Corrupt')
      }
    },
  },
  {
    id: 'CODEC-FLIP-01',
    law: 'no altered bit of a small object gives other bytes; of an encrypted one every bit throws a CodecError',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      const codec = await bench.open()
      for (const plain of smallObjects()) {
        const coded = await convert(codec, 'encode', plain)
        for (let bit = 0; bit < coded.length * 8; bit++) await expectFlipTold(bench, codec, { plain, coded, bit })
      }
    },
  },
  {
    id: 'CODEC-FLIP-02',
    law: 'no altered bit of a large object gives other bytes; of an encrypted one every bit throws a CodecError',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      const codec = await bench.open()
      const next = patternNumbers(33)
      for (const plain of [patternBytes(LARGE_BYTES, 33), compressibleBytes(LARGE_BYTES)]) {
        const coded = await convert(codec, 'encode', plain)
        for (const position of samplePositions(coded.length)) {
          await expectFlipTold(bench, codec, { plain, coded, bit: position * 8 + (next() % 8) })
        }
      }
    },
  },
]

function smallObjects(): readonly Uint8Array[] {
  return [new Uint8Array(0), Buffer.from('one small object of the archive')]
}

/** Both edges byte by byte, and in between at random. */
function samplePositions(length: number): readonly number[] {
  const next = patternNumbers(length)
  const edge = Math.min(20, Math.floor(length / 2))
  const positions = Array.from({ length: edge }, (_, index) => [index, length - 1 - index]).flat()
  return [...positions, ...Array.from({ length: SAMPLE_COUNT }, () => next() % length)]
}

async function expectCorruptCut(codec: Codec, coded: Uint8Array, length: number): Promise<void> {
  const what = `decode of the first ${length} of ${coded.length} bytes`
  await rejectsWithCodecError(() => convert(codec, 'decode', coded.subarray(0, length)), what, 'Corrupt')
}

interface Flip {
  readonly plain: Uint8Array
  readonly coded: Uint8Array
  readonly bit: number
}

async function expectFlipTold({ harness }: CodecBench, codec: Codec, { plain, coded, bit }: Flip): Promise<void> {
  const altered = new Uint8Array(coded)
  const position = Math.floor(bit / 8)
  altered[position] = (altered[position] ?? 0) ^ (1 << (bit % 8))
  const where = `bit ${bit % 8} of byte ${position} of ${coded.length} altered`
  let decoded: Uint8Array
  try {
    decoded = await convert(codec, 'decode', altered)
  } catch (error) {
    assert.ok(isCodecError(error), `decode with ${where} has to throw a CodecError; it threw ${brief(error)}`)
    return
  }
  assert.ok(codec.kind !== 'encryption', `decode with ${where} succeeds; an encryption has to tell every alteration`)
  if (harness.detectsFlips !== false) assertSameBytes(decoded, plain, `decode with ${where} gives other bytes`)
}
