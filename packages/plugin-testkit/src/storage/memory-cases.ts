import assert from 'node:assert/strict'
import type { ByteSource } from '@walr/core/plugin'
import { drain, largeStream } from '../bytes/large-stream.ts'
import { MemoryWatch } from '../process/memory-watch.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { noAbort } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

const MEBIBYTE = 1_048_576
const DEFAULT_MEMORY_BYTES = 32 * MEBIBYTE
const SMALLEST_OBJECT_BYTES = 64 * MEBIBYTE
const CASE_TIMEOUT_MS = 180_000

/** Objects pass through; they are not held. */
export const memoryCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-MEM-01',
    law: 'putting an object of 64 MiB takes bounded memory, whether its size is known or not',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      for (const sizeIsKnown of [true, false]) {
        const watch = await putLarge(bench, sizeIsKnown)
        watch.assertAtMost(memoryBytes(bench), `put of a source of ${sizeIsKnown ? 'known' : 'unknown'} size`)
      }
    },
  },
  {
    id: 'STOR-MEM-02',
    law: 'getting an object of 64 MiB takes bounded memory',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      await putLarge(bench, true)
      const storage = await bench.open()
      const watch = new MemoryWatch()
      const sample = () => watch.sample()
      const length = await drain(await storage.get('base/large', { signal: noAbort() }), sample)
      assert.equal(length, objectBytes(bench), 'bytes read')
      watch.assertAtMost(memoryBytes(bench), 'get')
    },
  },
]

async function putLarge(bench: StorageBench, sizeIsKnown: boolean): Promise<MemoryWatch> {
  const storage = await bench.open()
  const length = objectBytes(bench)
  const watch = new MemoryWatch()
  const source: ByteSource = {
    size: sizeIsKnown ? length : undefined,
    open: () => largeStream(length, () => watch.sample()),
  }
  const confirmation = await storage.put('base/large', source, { ifAbsent: false, signal: noAbort() })
  assert.equal(confirmation.size, length, 'the size confirmed')
  return watch
}

function memoryBytes({ harness }: StorageBench): number {
  return harness.memoryBytes ?? DEFAULT_MEMORY_BYTES
}

function objectBytes(bench: StorageBench): number {
  return Math.max(SMALLEST_OBJECT_BYTES, 2 * memoryBytes(bench))
}
