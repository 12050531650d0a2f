import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { rejectsWithStorageError } from '../suite/rejection.ts'
import { noAbort, putBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

const DAY_MS = 86_400_000

/** What a storage tells about itself and its objects. */
export const headCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-CAP-01',
    law: 'the capabilities are well formed, and the same for every client',
    run: async (bench) => {
      const [storage, other] = [await bench.open(), await bench.open()]
      const { createIfAbsent, rangeReads, maxObjectBytes } = storage.capabilities
      assert.ok(['atomic', 'check-then-write'].includes(createIfAbsent), `createIfAbsent is "${createIfAbsent}"`)
      assert.equal(typeof rangeReads, 'boolean', 'rangeReads')
      assert.ok(
        maxObjectBytes === Infinity || Number.isSafeInteger(maxObjectBytes),
        `maxObjectBytes is ${maxObjectBytes}`,
      )
      assert.ok(maxObjectBytes > 0, `maxObjectBytes is ${maxObjectBytes}`)
      assert.deepEqual({ ...other.capabilities }, { ...storage.capabilities })
    },
  },
  {
    id: 'STOR-HEAD-01',
    law: 'head tells key, size and when the object was stored',
    run: async (bench) => {
      const storage = await bench.open()
      for (const size of [0, 1, 70_001]) {
        await putBytes(storage, 'wal/told', Buffer.alloc(size))
        const { key, size: told, modifiedAt } = await storage.head('wal/told', { signal: noAbort() })
        assert.deepEqual({ key, size: told }, { key: 'wal/told', size })
        // The storage's clock is its own, but not another day's.
        assert.ok(Math.abs(modifiedAt.getTime() - Date.now()) < DAY_MS, `modifiedAt is ${String(modifiedAt)}`)
      }
    },
  },
  {
    id: 'STOR-HEAD-02',
    law: 'head of an absent key rejects with NotFound, also where other keys begin with it',
    run: async (bench) => {
      const storage = await bench.open()
      await putBytes(storage, 'wal/00/000', Buffer.from('a neighbour'))
      for (const key of ['wal', 'wal/00', 'wal/00/00', 'wal/00/0000', 'wal/00/000/below', 'absent']) {
        const what = `head of ${key}, which is absent,`
        await rejectsWithStorageError(() => storage.head(key, { signal: noAbort() }), what, 'NotFound')
      }
    },
  },
]
