import assert from 'node:assert/strict'
import type { GetOptions, Storage } from '@walr/core/plugin'
import { assertSameBytes, collectAndOverwrite } from '../bytes/byte-stream.ts'
import { patternBytes } from '../bytes/pattern-bytes.ts'
import { descriptorsFallTo, openDescriptorCount } from '../process/open-descriptors.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { within } from '../suite/deadline.ts'
import { rejectsWithReason, rejectsWithStorageError } from '../suite/rejection.ts'
import { noAbort, putBytes, readBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

const MEBIBYTE = 1_048_576
const ABORT_TIMEOUT_MS = 5000
/** How many readings are left early, and how many connections a client may keep of them. */
const LEFT_COUNT = 40
const KEPT_CONNECTION_COUNT = 20

/** What reading does. */
export const getCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-GET-01',
    law: 'an absent key rejects with NotFound before the first byte is asked for',
    run: async (bench) => {
      const storage = await bench.open()
      await putBytes(storage, 'wal/000', Buffer.from('a neighbour'))
      for (const key of ['wal/0', 'wal/0000', 'wal', 'absent', 'wal/000/below', 'a/b/c/d']) {
        // The stream is not read: NotFound has to come without.
        const what = `get of ${key}, which is absent,`
        await rejectsWithStorageError(() => storage.get(key, { signal: noAbort() }), what, 'NotFound')
      }
    },
  },
  {
    id: 'STOR-GET-02',
    law: 'offset and length read that range; without range reads they are Unsupported',
    run: async (bench) => {
      const bytes = patternBytes(200_003, 2)
      const ranges = [
        { offset: 0, length: 1 },
        { offset: 0, length: bytes.length },
        { offset: 1 },
        { length: 100 },
        { offset: 65_535, length: 65_538 },
        { offset: bytes.length - 1, length: 1 },
        { offset: bytes.length - 1, length: 1000 },
        { offset: 100_000, length: 2 ** 40 },
        { offset: 100, length: 0 },
      ]
      await readRanges(await bench.open(), bytes, ranges)
    },
  },
  {
    id: 'STOR-GET-03',
    law: 'a range at or behind the end has no bytes; without range reads it is Unsupported',
    run: async (bench) => {
      const storage = await bench.open()
      for (const bytes of [patternBytes(1000, 3), new Uint8Array(0)]) {
        const end = bytes.length
        await readRanges(storage, bytes, [
          { offset: end, length: 1 },
          { offset: end },
          { offset: end + 1000, length: 10 },
        ])
      }
    },
  },
  {
    id: 'STOR-GET-04',
    law: 'a reading that is left early frees everything, and what follows works',
    timeoutMs: 60_000,
    run: async (bench) => {
      const storage = await bench.open()
      const bytes = patternBytes(3 * MEBIBYTE, 4)
      await putBytes(storage, 'wal/left', bytes)
      const before = openDescriptorCount()
      for (let count = 0; count < LEFT_COUNT; count++) await readFirstChunk(storage, 'wal/left')
      await descriptorsFallTo(before + KEPT_CONNECTION_COUNT, `${LEFT_COUNT} readings that were left early`)
      assertSameBytes(await readBytes(storage, 'wal/left'), bytes, 'the object, after readings that were left early')
      await storage[Symbol.asyncDispose]()
      await descriptorsFallTo(before, 'a storage that was disposed of')
    },
  },
  {
    id: 'STOR-GET-05',
    law: 'a chunk belongs to the reader until the next one: writing on it changes no other byte',
    run: async (bench) => {
      const storage = await bench.open()
      const bytes = patternBytes(MEBIBYTE + 5, 5)
      await putBytes(storage, 'wal/written-on', bytes)
      for (const count of [1, 2]) {
        const found = await collectAndOverwrite(await storage.get('wal/written-on', { signal: noAbort() }))
        assertSameBytes(found, bytes, `the object, read ${count === 1 ? 'once' : 'again'} with chunks written on`)
      }
    },
  },
  {
    id: 'STOR-GET-06',
    law: 'readers of one object at different paces get each all of it',
    run: async (bench) => {
      const storage = await bench.open()
      const bytes = patternBytes(2 * MEBIBYTE + 1, 6)
      await putBytes(storage, 'wal/shared', bytes)
      const slow = (await storage.get('wal/shared', { signal: noAbort() }))[Symbol.asyncIterator]()
      const first = await slow.next()
      const chunks = [new Uint8Array(first.value ?? [])]
      assertSameBytes(await readBytes(storage, 'wal/shared'), bytes, 'the object, read while another reader waits')
      for (let next = await slow.next(); next.done !== true; next = await slow.next()) {
        chunks.push(new Uint8Array(next.value))
      }
      assertSameBytes(Buffer.concat(chunks), bytes, 'the object, read slowly')
    },
  },
  {
    id: 'STOR-GET-07',
    law: 'an aborted reading rejects with the reason of its signal, and what follows works',
    run: async (bench) => {
      const storage = await bench.open()
      // Long enough that no buffer on the way holds what is left of it.
      const bytes = patternBytes(16 * MEBIBYTE, 7)
      await putBytes(storage, 'wal/aborted', bytes)
      const abort = new AbortController()
      const reason = new Error('the kit aborts')
      const read = async () => {
        for await (const chunk of await storage.get('wal/aborted', { signal: abort.signal })) {
          assert.ok(chunk.length < bytes.length, 'all of the object came in one chunk')
          abort.abort(reason)
        }
      }
      await rejectsWithReason(() => within(ABORT_TIMEOUT_MS, 'get', read()), 'get, aborted midway,', reason)
      assertSameBytes(await readBytes(storage, 'wal/aborted'), bytes, 'the object, after an aborted reading')
    },
  },
]

async function readRanges(
  storage: Storage,
  bytes: Uint8Array,
  ranges: readonly Omit<GetOptions, 'signal'>[],
): Promise<void> {
  await putBytes(storage, 'wal/ranges', bytes)
  for (const range of ranges) {
    const what = `get of ${bytes.length} bytes with ${JSON.stringify(range)}`
    if (!storage.capabilities.rangeReads) {
      await rejectsWithStorageError(() => readBytes(storage, 'wal/ranges', range), what, 'Unsupported')
      continue
    }
    const { offset = 0, length = Infinity } = range
    assertSameBytes(await readBytes(storage, 'wal/ranges', range), bytes.subarray(offset, offset + length), what)
  }
  assertSameBytes(await readBytes(storage, 'wal/ranges'), bytes, 'get without a range')
}

async function readFirstChunk(storage: Storage, key: string): Promise<void> {
  for await (const chunk of await storage.get(key, { signal: noAbort() })) {
    assert.ok(chunk.length >= 0)
    return
  }
}
