import assert from 'node:assert/strict'
import type { Codec } from '@walr/core/plugin'
import { assertSameBytes, chunksOf } from '../bytes/byte-stream.ts'
import { drain, largeStream } from '../bytes/large-stream.ts'
import { patternBytes } from '../bytes/pattern-bytes.ts'
import { MemoryWatch } from '../process/memory-watch.ts'
import { descriptorsFallTo, openDescriptorCount } from '../process/open-descriptors.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { eventually, within } from '../suite/deadline.ts'
import { brief, rejectionOf, rejectsWithReason } from '../suite/rejection.ts'
import { convert, stream, type CodecBench, type CodecDirection } from './codec-bench.ts'

const MEBIBYTE = 1_048_576
const DIRECTIONS: readonly CodecDirection[] = ['encode', 'decode']
const SETTLE_TIMEOUT_MS = 5000
const LARGE_BYTES = 64 * MEBIBYTE
const DEFAULT_MEMORY_BYTES = 32 * MEBIBYTE
const LEFT_COUNT = 20

/** How a codec behaves as a link of a chain of streams. */
export const streamCases: readonly ConformanceCase<CodecBench>[] = [
  {
    id: 'CODEC-END-01',
    law: 'leaving the output early closes the input and frees everything',
    run: async (bench) => {
      const codec = await bench.open()
      const { input, plain } = await inputs(codec)
      const before = openDescriptorCount()
      for (const direction of DIRECTIONS) {
        for (let count = 0; count < LEFT_COUNT; count++) {
          await leaveEarly(codec, direction, input[direction], count % 2 === 0 ? 1 : 100_000)
        }
      }
      await descriptorsFallTo(before, 'encoding and decoding that were left early')
      assertSameBytes(await convert(codec, 'decode', await convert(codec, 'encode', plain)), plain, 'what follows')
    },
  },
  {
    id: 'CODEC-ERR-01',
    law: 'an error of the input comes out as it is, in both directions',
    run: async (bench) => {
      const codec = await bench.open()
      const { input } = await inputs(codec)
      for (const direction of DIRECTIONS) {
        for (const length of [0, 1, 100, Math.floor(input[direction].length / 2), input[direction].length]) {
          const broken = new Error('the input broke, as the kit wants it')
          const work = convert(codec, direction, failAfter(input[direction].subarray(0, length), broken))
          const error = await rejectionOf(
            () => within(SETTLE_TIMEOUT_MS, direction, work),
            `${direction} of a broken input`,
          )
          assert.ok(error === broken, `${direction} made another error of that of its input: ${brief(error)}`)
        }
      }
    },
  },
  {
    id: 'CODEC-ABORT-01',
    law: 'a signal that is aborted already rejects with its reason, in both directions',
    run: async (bench) => {
      const codec = await bench.open()
      const { input } = await inputs(codec)
      const reason = new Error('aborted before the call')
      for (const direction of DIRECTIONS) {
        const work = () => {
          const aborted = convert(codec, direction, input[direction], { signal: AbortSignal.abort(reason) })
          return within(SETTLE_TIMEOUT_MS, direction, aborted)
        }
        await rejectsWithReason(work, `${direction} with an aborted signal`, reason)
      }
    },
  },
  {
    id: 'CODEC-ABORT-02',
    law: 'a signal that is aborted midway rejects with its reason and closes the input, in both directions',
    run: async (bench) => {
      const codec = await bench.open()
      const { input } = await inputs(codec)
      for (const direction of DIRECTIONS) {
        const abort = new AbortController()
        const reason = new Error('the kit aborts')
        const source = watched(input[direction], () => abort.abort(reason))
        const work = () => {
          const aborted = convert(codec, direction, source.chunks, { signal: abort.signal })
          return within(SETTLE_TIMEOUT_MS, direction, aborted)
        }
        await rejectsWithReason(work, `${direction}, aborted midway,`, reason)
        await assertClosed(source, `${direction}, aborted midway,`)
      }
    },
  },
  {
    id: 'CODEC-MEM-01',
    law: 'encoding 64 MiB takes bounded memory',
    timeoutMs: 180_000,
    run: async (bench) => {
      const codec = await bench.open()
      const watch = new MemoryWatch()
      const sample = () => watch.sample()
      const length = await drain(stream(codec, 'encode', largeStream(largeBytes(bench), sample)), sample)
      assert.ok(length > 0, 'the encoding of 64 MiB is empty')
      watch.assertAtMost(memoryBytes(bench), 'encoding')
    },
  },
  {
    id: 'CODEC-MEM-02',
    law: 'decoding 64 MiB takes bounded memory',
    timeoutMs: 180_000,
    run: async (bench) => {
      const codec = await bench.open()
      const watch = new MemoryWatch()
      const sample = () => watch.sample()
      // Encoded at the same time: what encoding holds counts, too, and is bounded by the case before.
      const coded = stream(
        codec,
        'encode',
        largeStream(largeBytes(bench), () => undefined),
      )
      const length = await drain(stream(codec, 'decode', coded), sample)
      assert.equal(length, largeBytes(bench), 'bytes decoded')
      watch.assertAtMost(2 * memoryBytes(bench) - MEBIBYTE, 'encoding and decoding')
    },
  },
]

/** Much to encode and, encoded, to decode: more than any stream on the way may hold. */
async function inputs(codec: Codec) {
  const plain = patternBytes(4 * MEBIBYTE, 21)
  return { plain, input: { encode: plain, decode: await convert(codec, 'encode', plain) } }
}

interface WatchedInput {
  readonly chunks: AsyncIterable<Uint8Array>
  readonly isClosed: () => boolean
}

/** An input that tells whether it was closed, or never begun, and calls `midway` in its middle. */
function watched(bytes: Uint8Array, midway: () => void = () => undefined): WatchedInput {
  let open = false
  async function* chunks(): AsyncGenerator<Uint8Array> {
    let given = 0
    open = true
    try {
      for await (const chunk of chunksOf(bytes, 16_384)) {
        given += chunk.length
        if (given > bytes.length / 2) midway()
        yield chunk
      }
    } finally {
      open = false
    }
  }
  return { chunks: chunks(), isClosed: () => !open }
}

/** Leaves when `length` bytes of output were read: a codec may write a header before it reads. */
async function leaveEarly(codec: Codec, direction: CodecDirection, bytes: Uint8Array, length: number): Promise<void> {
  const source = watched(bytes)
  let read = 0
  for await (const chunk of stream(codec, direction, source.chunks)) {
    read += chunk.length
    if (read >= length) break
  }
  await assertClosed(source, `${direction}, left early,`)
}

async function assertClosed(source: WatchedInput, what: string): Promise<void> {
  await eventually(SETTLE_TIMEOUT_MS, () => (source.isClosed() ? undefined : `${what} does not close its input`))
}

async function* failAfter(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield* chunksOf(bytes, 16_384)
  throw error
}

function memoryBytes({ harness }: CodecBench): number {
  return harness.memoryBytes ?? DEFAULT_MEMORY_BYTES
}

function largeBytes(bench: CodecBench): number {
  return Math.max(LARGE_BYTES, 2 * memoryBytes(bench))
}
