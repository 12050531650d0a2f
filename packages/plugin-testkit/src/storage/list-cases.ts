import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { within } from '../suite/deadline.ts'
import { rejectsWithReason } from '../suite/rejection.ts'
import { inByteOrder, listKeys, listObjects, noAbort, numberedKeys, putAll, putBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

const MANY_TIMEOUT_MS = 180_000
const ABORT_TIMEOUT_MS = 5000
const HOUR_MS = 3_600_000

/**
 * Keys that a wrong order shows on: a folder stands between names that begin like it, capitals come before small letters,
 * and U+1F600 comes after U+FF5E in UTF-8 and before it in UTF-16.
 */
const AWKWARD_KEYS = [
  ...['d/x', 'd/y/z', 'd-x', 'd.x', 'd0', 'dd', 'D/x', 'Z', 'a', 'z', '_', '10', '9', 'ä', 'zz/\u{1f600}', 'zz/\uff5e'],
  ...['zz/\u20ac', '\u{1f600}', '\uff5e', '\u{10000}/a', '\ue000/a'],
]

/** What a listing shows. */
export const listCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-LIST-01',
    law: 'keys come ascending by their UTF-8 bytes, each with its size and time',
    run: async (bench) => {
      const storage = await bench.open()
      await putAll(storage, AWKWARD_KEYS)
      const objects = await listObjects(storage, '')
      const expected = inByteOrder(AWKWARD_KEYS)
      assert.deepEqual(
        objects.map(({ key, size }) => ({ key, size })),
        expected.map((key) => ({ key, size: Buffer.byteLength(key) })),
      )
      for (const { key, modifiedAt } of objects) {
        assert.ok(
          Math.abs(modifiedAt.getTime() - Date.now()) < 24 * HOUR_MS,
          `modifiedAt of ${key}: ${String(modifiedAt)}`,
        )
      }
    },
  },
  {
    id: 'STOR-LIST-02',
    law: '2,003 keys are all listed, each once',
    timeoutMs: MANY_TIMEOUT_MS,
    run: async (bench) => {
      const storage = await bench.open()
      const keys = [...numberedKeys('many/', 1001), ...numberedKeys('more/', 1002)]
      await putAll(storage, keys)
      assert.deepEqual(await listKeys(storage, ''), keys)
      assert.deepEqual(await listKeys(storage, 'm', 'many/000998'), keys.slice(999))
      assert.deepEqual(await listKeys(storage, 'more/'), keys.slice(1001))
    },
  },
  {
    id: 'STOR-LIST-03',
    law: 'startAfter leaves out everything up to and including that key, whether it exists or not',
    run: async (bench) => {
      const storage = await bench.open()
      const keys = inByteOrder([...numberedKeys('s/', 6), ...AWKWARD_KEYS])
      await putAll(storage, keys)
      const starts = [
        ...keys,
        '0',
        's/',
        's/000002x',
        's/0000025',
        't',
        'd/',
        'd/y',
        'd.',
        '\u{10ffff}',
        '\uff5e0',
        's',
      ]
      for (const start of starts) {
        const behind = keys.filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(start)) > 0)
        assert.deepEqual(await listKeys(storage, '', start), behind, `startAfter ${JSON.stringify(start)}`)
        const below = behind.filter((key) => key.startsWith('s/'))
        assert.deepEqual(
          await listKeys(storage, 's/', start),
          below,
          `prefix "s/" and startAfter ${JSON.stringify(start)}`,
        )
      }
    },
  },
  {
    id: 'STOR-LIST-04',
    law: 'a prefix lists no sibling',
    run: async (bench) => {
      const storage = await bench.open()
      await putAll(storage, ['main/wal/1', 'main/wal/2', 'main2/wal/1', 'main-old/wal/1', 'mai', 'other/main/wal/1'])
      assert.deepEqual(await listKeys(storage, 'main/'), ['main/wal/1', 'main/wal/2'])
      assert.deepEqual(await listKeys(storage, 'main2/'), ['main2/wal/1'])
      assert.deepEqual(await listKeys(storage, 'main/wal/2'), ['main/wal/2'])
    },
  },
  {
    id: 'STOR-LIST-05',
    law: 'a prefix is text, not a folder',
    run: async (bench) => {
      const storage = await bench.open()
      const keys = ['wal/00000001', 'wal/00000002', 'wal/01', 'wal/0a/deep', 'wall', 'wax/1']
      await putAll(storage, keys)
      assert.deepEqual(await listKeys(storage, 'wal/0'), keys.slice(0, 4))
      assert.deepEqual(await listKeys(storage, 'wal/0000000'), keys.slice(0, 2))
      assert.deepEqual(await listKeys(storage, 'wal/0a/d'), ['wal/0a/deep'])
      assert.deepEqual(await listKeys(storage, 'wal'), keys.slice(0, 5))
      assert.deepEqual(await listKeys(storage, 'wa'), keys)
    },
  },
  {
    id: 'STOR-LIST-06',
    law: 'a prefix without objects lists nothing, without an error, in an empty storage, too',
    run: async (bench) => {
      const storage = await bench.open()
      assert.deepEqual(await listKeys(storage, ''), [])
      assert.deepEqual(await listKeys(storage, 'absent/'), [])
      await putBytes(storage, 'wal/1', Buffer.from('1'))
      assert.deepEqual(await listKeys(storage, 'absent/below/'), [])
      assert.deepEqual(await listKeys(storage, 'wal/1/'), [])
      assert.deepEqual(await listKeys(storage, 'wal/', 'x'), [])
    },
  },
  {
    id: 'STOR-LIST-07',
    law: 'what was stored, replaced or deleted before the call is listed so, for every client',
    run: async (bench) => {
      const [writer, reader] = [await bench.open(), await bench.open()]
      const sizes = async () => (await listObjects(reader, 'wal/')).map(({ key, size }) => `${key} ${size}`)
      assert.deepEqual(await sizes(), [])
      for (let round = 1; round <= 5; round++) {
        await putBytes(writer, 'wal/fresh', Buffer.alloc(round))
        assert.deepEqual(await sizes(), [`wal/fresh ${round}`])
      }
      await writer.delete(['wal/fresh'], { signal: noAbort() })
      assert.deepEqual(await sizes(), [])
    },
  },
  {
    id: 'STOR-LIST-08',
    law: 'a listing may be left early or aborted, and what follows works',
    timeoutMs: MANY_TIMEOUT_MS,
    run: async (bench) => {
      const storage = await bench.open()
      const keys = numberedKeys('wal/', 1203)
      await putAll(storage, keys)
      for await (const { key } of storage.list('', { signal: noAbort() })) {
        assert.equal(key, keys[0])
        break
      }
      const abort = new AbortController()
      const reason = new Error('the kit aborts')
      const read = async () => {
        for await (const { key } of storage.list('', { signal: abort.signal })) {
          assert.ok(key.startsWith('wal/'), key)
          abort.abort(reason)
        }
      }
      await rejectsWithReason(() => within(ABORT_TIMEOUT_MS, 'list', read()), 'list, aborted midway,', reason)
      assert.deepEqual(await listKeys(storage, ''), keys)
    },
  },
]
