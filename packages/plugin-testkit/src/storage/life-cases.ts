import assert from 'node:assert/strict'
import { isStorageError, type Storage } from '@walr/core/plugin'
import { pausingSource } from '../bytes/byte-sources.ts'
import { assertSameBytes } from '../bytes/byte-stream.ts'
import { patternBytes } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { within } from '../suite/deadline.ts'
import { brief, rejectionOf, rejectsWithReason } from '../suite/rejection.ts'
import { assertNothingStored, listKeys, noAbort, putBytes, readBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'
import { STORAGE_METHODS } from './storage-methods.ts'

const SETTLE_TIMEOUT_MS = 10_000

/** What signals and the end of a storage do. */
export const lifeCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-ABORT-01',
    law: 'every method rejects with the reason of a signal that is aborted already, and does nothing',
    run: async (bench) => {
      const storage = await bench.open()
      const bytes = Buffer.from('stays')
      await putBytes(storage, 'wal/stays', bytes)
      const reason = new Error('aborted before the call')
      for (const { name, call } of STORAGE_METHODS) {
        const work = () => within(SETTLE_TIMEOUT_MS, name, call(storage, 'wal/stays', AbortSignal.abort(reason)))
        await rejectsWithReason(work, `${name} with an aborted signal`, reason)
      }
      assertSameBytes(await readBytes(storage, 'wal/stays'), bytes, 'the object, after calls that were aborted before')
      assert.deepEqual(await listKeys(storage, ''), ['wal/stays'])
    },
  },
  {
    id: 'STOR-DISP-01',
    law: 'after its disposal every method rejects with a StorageError, does nothing and does not hang',
    run: async (bench) => {
      const [storage, other] = [await bench.open(), await bench.open()]
      await putBytes(storage, 'wal/stays', Buffer.from('stays'))
      await storage[Symbol.asyncDispose]()
      for (const { name, call } of STORAGE_METHODS) {
        const work = () => within(SETTLE_TIMEOUT_MS, name, call(storage, 'wal/stays', noAbort()))
        const error = await rejectionOf(work, `${name} after the disposal`)
        assert.ok(
          isStorageError(error) && error.code !== 'NotFound',
          `${name} after the disposal has to reject with a StorageError other than NotFound; it rejected with ${brief(error)}`,
        )
      }
      assertSameBytes(await readBytes(other, 'wal/stays'), Buffer.from('stays'), 'the object, by another client')
    },
  },
  {
    id: 'STOR-DISP-02',
    law: 'disposing twice, at once or one after another, and of an unused storage, is fine',
    run: async (bench) => {
      const [used, unused] = [await bench.open(), await bench.open()]
      await putBytes(used, 'wal/1', Buffer.from('1'))
      for (const storage of [used, unused]) {
        await Promise.all([storage[Symbol.asyncDispose](), storage[Symbol.asyncDispose]()])
        await storage[Symbol.asyncDispose]()
      }
    },
  },
  {
    id: 'STOR-DISP-03',
    law: 'disposing ends what is under way, and a put that it ends leaves nothing visible',
    run: async (bench) => {
      const [storage, other] = [await bench.open(), await bench.open()]
      const { settled, disposed } = disposeMidway(storage)
      await within(SETTLE_TIMEOUT_MS, 'the disposal', disposed)
      const [result] = await within(SETTLE_TIMEOUT_MS, 'the put that was under way', settled)
      assert.equal(result.status, 'rejected', 'the put that was under way')
      await assertNothingStored(other, 'wal/under-way')
    },
  },
  {
    id: 'STOR-DISP-04',
    law: 'what one client stored is there for the next one',
    run: async (bench) => {
      const bytes = patternBytes(100_000, 4)
      const first = await bench.open()
      await putBytes(first, 'wal/lasting', bytes)
      await first[Symbol.asyncDispose]()
      assertSameBytes(await readBytes(await bench.open(), 'wal/lasting'), bytes, 'the object, by the next client')
    },
  },
]

/** Begins a put that does not end by itself, and disposes of the storage while the source is being read. */
function disposeMidway(storage: Storage) {
  const { promise: disposed, resolve } = Promise.withResolvers<void>()
  const sourceEnd = new AbortController()
  const reached = () => {
    // The source ends when the disposal has begun, as one does whose owner stops, too.
    resolve(storage[Symbol.asyncDispose]())
    sourceEnd.abort(new Error('the source was stopped'))
  }
  const source = pausingSource(patternBytes(100_000, 3), undefined, { signal: sourceEnd.signal, reached })
  const settled = Promise.allSettled([storage.put('wal/under-way', source, { ifAbsent: true, signal: noAbort() })])
  return { settled, disposed }
}
