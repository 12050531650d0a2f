import assert from 'node:assert/strict'
import { isStorageError, type ByteSource, type Storage } from '@walr/core/plugin'
import { failingSource, knownSource, lyingSource, pausingSource } from '../bytes/byte-sources.ts'
import { assertSameBytes } from '../bytes/byte-stream.ts'
import { patternBytes } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { within } from '../suite/deadline.ts'
import { brief, isCausedBy, rejectionOf, rejectsWithReason, rejectsWithStorageError } from '../suite/rejection.ts'
import { assertNothingStored, createBytes, listKeys, noAbort, putBytes, readBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

/** "At once", on a machine that has much else to do. */
const ABORT_TIMEOUT_MS = 5000

/** What a put that does not go well leaves. */
export const putFailureCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-PUT-04',
    law: 'an aborted put leaves nothing visible and rejects with the reason of its signal',
    run: async (bench) => {
      const storage = await bench.open()
      for (const { given, size } of cutSources(bench)) {
        for (const ifAbsent of [true, false]) {
          await abortMidway(storage, 'wal/aborted', given, size, ifAbsent)
          await assertNothingStored(storage, 'wal/aborted')
          await assertNothingStored(await bench.open(), 'wal/aborted')
        }
      }
      await createBytes(storage, 'wal/aborted', Buffer.from('the second try'))
    },
  },
  {
    id: 'STOR-PUT-06',
    law: 'a put whose source fails leaves nothing visible and rejects with that error as itself or as a cause',
    run: async (bench) => {
      const storage = await bench.open()
      for (const { given, size } of cutSources(bench)) {
        const broken = new Error('the source broke, as the kit wants it')
        const error = await rejectionOf(
          () => put(storage, 'wal/failed', failingSource(given, size, broken)),
          'put with a source that fails',
        )
        assert.ok(
          isCausedBy(error, broken),
          `put rejected with ${brief(error)}, which tells nothing of the source's error`,
        )
        await assertNothingStored(storage, 'wal/failed')
      }
      await createBytes(storage, 'wal/failed', Buffer.from('the second try'))
    },
  },
  {
    id: 'STOR-PUT-07',
    law: 'a source that gives less than its size is an error and leaves nothing visible',
    run: (bench) => refuseLies(bench, (size) => size + 1),
  },
  {
    id: 'STOR-PUT-08',
    law: 'a source that gives more than its size is an error and leaves nothing visible',
    run: (bench) => refuseLies(bench, (size) => size - 1),
  },
  {
    id: 'STOR-PUT-11',
    law: 'a put that fails or is aborted leaves the object that it was to replace as it was',
    run: async (bench) => {
      const storage = await bench.open()
      const before = patternBytes(1000, 11)
      await putBytes(storage, 'wal/kept', before)
      for (const { given, size } of cutSources(bench)) {
        await rejectionOf(
          () => put(storage, 'wal/kept', failingSource(given, size, new Error('the source broke'))),
          'put with a source that fails',
        )
        assertSameBytes(await readBytes(storage, 'wal/kept'), before, 'the object, after the source of another failed')
        await abortMidway(storage, 'wal/kept', given, size, false)
        assertSameBytes(
          await readBytes(storage, 'wal/kept'),
          before,
          'the object, after the put of another was aborted',
        )
        assert.deepEqual(await listKeys(storage, ''), ['wal/kept'])
      }
    },
  },
  {
    id: 'STOR-PUT-15',
    law: 'every put reads its source from the first byte, also after one that failed',
    run: async (bench) => {
      const storage = await bench.open()
      const bytes = patternBytes(300_000, 15)
      const broken = failingSource(bytes.subarray(0, 200_000), bytes.length, new Error('the source broke'))
      let readings = 0
      const source: ByteSource = {
        size: bytes.length,
        open: () => (readings++ === 0 ? broken : knownSource(bytes)).open(),
      }
      // A storage may try once more by itself; then the first put succeeds already.
      await put(storage, 'wal/again', source).catch(() => put(storage, 'wal/again', source))
      assert.ok(readings > 1, 'the source was read once, and failed')
      assertSameBytes(await readBytes(storage, 'wal/again'), bytes, 'the object')
    },
  },
]

/** A source that ends early: within what a storage sends at once, and when parts of the object are sent already. */
function cutSources(bench: StorageBench): readonly { readonly given: Uint8Array; readonly size: number | undefined }[] {
  return [
    { given: patternBytes(100_000, 1), size: 200_000 },
    { given: patternBytes(100_000, 2), size: undefined },
    { given: patternBytes(bench.partBytes(2.4), 3), size: bench.partBytes(3.6) },
    { given: patternBytes(bench.partBytes(2.4), 4), size: undefined },
    { given: new Uint8Array(0), size: 5 },
  ]
}

function put(storage: Storage, key: string, source: ByteSource): Promise<unknown> {
  return storage.put(key, source, { ifAbsent: true, signal: noAbort() })
}

async function abortMidway(
  storage: Storage,
  key: string,
  given: Uint8Array,
  size: number | undefined,
  ifAbsent: boolean,
): Promise<void> {
  const abort = new AbortController()
  const reason = new Error('the kit aborts')
  const reached = () => {
    abort.abort(reason)
  }
  const source = pausingSource(given, size, { signal: abort.signal, reached })
  const work = () => within(ABORT_TIMEOUT_MS, 'put', storage.put(key, source, { ifAbsent, signal: abort.signal }))
  await rejectsWithReason(work, 'put, aborted midway,', reason)
}

async function refuseLies(bench: StorageBench, said: (size: number) => number): Promise<void> {
  const storage = await bench.open()
  for (const size of [1, 100_000, bench.partBytes(1.2)]) {
    const source = lyingSource(patternBytes(size, size), said(size))
    const what = `put with a source that says ${said(size)} bytes and gives ${size}`
    const error = await rejectsWithStorageError(() => put(storage, 'wal/lie', source), what)
    assert.ok(!isStorageError(error, 'NotFound', 'AlreadyExists'), `${what} rejected with ${error.code}`)
    await assertNothingStored(storage, 'wal/lie')
  }
}
