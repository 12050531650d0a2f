import type { Storage, StorageErrorCode } from '@walr/core/plugin'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { within } from '../suite/deadline.ts'
import { rejectsWithStorageError } from '../suite/rejection.ts'
import { listKeys, noAbort, putBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'
import { STORAGE_METHODS } from './storage-methods.ts'
import assert from 'node:assert/strict'

/** One method; core repeats what fails, so nothing may take long. */
const METHOD_TIMEOUT_MS = 30_000
const CASE_TIMEOUT_MS = 180_000

/** What is broken is never taken for what is absent. */
export const errorCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-ERR-01',
    law: 'a server that cannot be reached is Transient for every method, never NotFound',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      await everyMethodRejects(await bench.openSpecial('openUnreachable'), 'without a server', 'Transient')
    },
  },
  {
    id: 'STOR-ERR-02',
    law: 'a client without permission gets AccessDenied from every method, whether the key exists or not',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      const storage = await bench.open()
      await putBytes(storage, 'wal/present', Buffer.from('present'))
      const denied = await bench.openSpecial('openDenied')
      await everyMethodRejects(denied, 'without permission', 'AccessDenied')
      assert.deepEqual(await listKeys(storage, ''), ['wal/present'], 'what is stored after all that was denied')
    },
  },
  {
    id: 'STOR-ERR-03',
    law: 'a bucket or base directory that does not exist is Permanent for every method, never NotFound',
    timeoutMs: CASE_TIMEOUT_MS,
    run: async (bench) => {
      await everyMethodRejects(await bench.openSpecial('openWithoutBase'), 'without a base', 'Permanent')
    },
  },
]

async function everyMethodRejects(storage: Storage, where: string, code: StorageErrorCode): Promise<void> {
  for (const { name, call } of STORAGE_METHODS) {
    const keys = name === 'get' || name === 'head' ? ['wal/present', 'wal/absent'] : ['wal/present']
    for (const key of keys) {
      const work = () => within(METHOD_TIMEOUT_MS, `${name} ${where}`, call(storage, key, noAbort()))
      await rejectsWithStorageError(work, `${name} of ${key} ${where}`, code)
    }
  }
}
