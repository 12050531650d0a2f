import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import {
  assertAbsent,
  createBytes,
  inByteOrder,
  listKeys,
  noAbort,
  numberedKeys,
  putAll,
  putBytes,
} from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

/** What deleting does. */
export const deleteCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-DEL-01',
    law: 'a deleted object is gone for every client, and its key may be created again',
    run: async (bench) => {
      const [storage, other] = [await bench.open(), await bench.open()]
      for (let round = 0; round < 3; round++) {
        await createBytes(storage, 'wal/gone', Buffer.from(`round ${round}`))
        await storage.delete(['wal/gone'], { signal: noAbort() })
        await assertAbsent(storage, 'wal/gone')
        await assertAbsent(other, 'wal/gone')
        assert.deepEqual(await listKeys(other, ''), [])
      }
    },
  },
  {
    id: 'STOR-DEL-02',
    law: 'deleting what is absent, what is deleted already, and nothing at all is fine',
    run: async (bench) => {
      const storage = await bench.open()
      await storage.delete([], { signal: noAbort() })
      await storage.delete(['never/was/there'], { signal: noAbort() })
      await putBytes(storage, 'wal/1', Buffer.from('1'))
      for (let round = 0; round < 2; round++) {
        await storage.delete(['absent', 'wal/1', 'wal/1/below', 'wal/1'], { signal: noAbort() })
        assert.deepEqual(await listKeys(storage, ''), [])
      }
    },
  },
  {
    id: 'STOR-DEL-03',
    law: '1,201 keys are deleted in one call, absent ones among them',
    timeoutMs: 180_000,
    run: async (bench) => {
      const storage = await bench.open()
      const keys = numberedKeys('many/', 1201)
      const present = keys.filter((_, index) => index % 4 === 0 || index > 990)
      await putAll(storage, [...present, 'kept/1', 'many/kept'])
      await storage.delete(keys, { signal: noAbort() })
      assert.deepEqual(await listKeys(storage, ''), ['kept/1', 'many/kept'])
    },
  },
  {
    id: 'STOR-DEL-04',
    law: 'only the keys that are named are deleted',
    run: async (bench) => {
      const storage = await bench.open()
      const kept = ['wal/10', 'wal/1.partial', 'wal/11/deep', 'wal2', 'waltz/1', 'wal/*', 'WAL/1']
      await putAll(storage, [...kept, 'wal/1', 'wal/1x'])
      await storage.delete(['wal/1', 'wal/1x', 'wal', 'wal/11', 'wa', 'wal/?'], { signal: noAbort() })
      assert.deepEqual(await listKeys(storage, ''), inByteOrder(kept))
    },
  },
]
