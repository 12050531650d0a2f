import assert from 'node:assert/strict'
import { isStorageError, type Storage } from '@walr/core/plugin'
import { assertSameBytes } from '../bytes/byte-stream.ts'
import { patternBytes } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { brief } from '../suite/rejection.ts'
import { createBytes, listKeys, noAbort, putBytes, readBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'
import { STORAGE_METHODS } from './storage-methods.ts'

const WRITER_COUNT = 10
const ROUND_COUNT = 5

/** What holds when much happens at once. */
export const raceCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-RACE-01',
    law: 'of ten writers with ifAbsent one wins: at the same time when that is atomic, one after another otherwise',
    run: async (bench) => {
      const storages = await Promise.all(Array.from({ length: WRITER_COUNT }, () => bench.open()))
      const atomic = storages[0]?.capabilities.createIfAbsent === 'atomic'
      for (let round = 0; round < ROUND_COUNT; round++) await oneWinner(storages, `wal/race-${round}`, atomic)
    },
  },
  {
    id: 'STOR-RACE-02',
    law: 'of several puts that replace one object at the same time one is there whole, never a mixture',
    run: async (bench) => {
      const storage = await bench.open()
      const objects = Array.from({ length: 6 }, (_, index) => patternBytes(300_000 + index * 1000, index))
      await Promise.all(objects.map((bytes) => putBytes(storage, 'wal/mixed', bytes)))
      const found = await readBytes(storage, 'wal/mixed')
      assert.ok(
        objects.some((bytes) => Buffer.compare(bytes, found) === 0),
        `the object of ${found.length} bytes is none of those that were put`,
      )
      assert.deepEqual(await listKeys(storage, ''), ['wal/mixed'])
    },
  },
  {
    id: 'STOR-RACE-03',
    law: 'every method may be called twice at once',
    run: async (bench) => {
      const storage = await bench.open()
      await putBytes(storage, 'wal/twice', Buffer.from('put by the kit'))
      for (const { name, call } of STORAGE_METHODS) {
        const [first, second] = await Promise.all([0, 1].map(() => call(storage, 'wal/twice', noAbort())))
        if (name !== 'put') assert.deepEqual(first, second, `the results of ${name}, called twice at once`)
      }
    },
  },
]

async function oneWinner(storages: readonly Storage[], key: string, atomic: boolean): Promise<void> {
  const objects = storages.map((_, index) => patternBytes(70_000 + index, index))
  const results: PromiseSettledResult<unknown>[] = []
  const write = (storage: Storage, index: number) => createBytes(storage, key, objects[index] ?? Buffer.alloc(0))
  if (atomic) results.push(...(await Promise.allSettled(storages.map(write))))
  else
    for (const [index, storage] of storages.entries())
      results.push(...(await Promise.allSettled([write(storage, index)])))

  for (const result of results) {
    if (result.status === 'fulfilled') continue
    // A server may ask to come again while another writer is at it; that writer must win then, which is counted below.
    const { reason } = result as { readonly reason: unknown }
    const refused = isStorageError(reason, 'AlreadyExists', ...(atomic ? (['Transient'] as const) : []))
    assert.ok(refused, `a writer that does not win has to get AlreadyExists; it got ${brief(reason)}`)
  }
  const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
  assert.equal(
    winners.length,
    1,
    `writers that were told to have created the object: ${winners.length} of ${results.length}`,
  )
  const [storage] = storages
  const bytes = objects[winners[0] ?? 0]
  assert.ok(storage !== undefined && bytes !== undefined)
  assertSameBytes(await readBytes(storage, key), bytes, "the winner's object")
}
