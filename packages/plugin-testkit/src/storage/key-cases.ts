import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { assertSameBytes } from '../bytes/byte-stream.ts'
import { inByteOrder, listKeys, noAbort, putAll, readBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

/** What keys may be. */
export const keyCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-KEY-01',
    law: 'keys with spaces, +, %, #, ? and other marks keep their names',
    run: (bench) =>
      useKeys(bench, [
        ...['a b', ' lead', 'trail ', 'a+b', '100%', '%41', 'a#b', 'a?b=c&d', 'a&amp;b', '<a>', 'a"b', "a'b", 'a\\b'],
        ...[
          'a:b',
          'a;b',
          'a,b',
          'a=b',
          'a@b',
          'a!b',
          'a$b',
          'a*b',
          '(a)',
          '[a]',
          '{a}',
          'a|b',
          'a^b',
          'a`b',
          '~a',
          'a..b',
        ],
        ...['.hidden', '...', '-a', 'x y/+z/%25/#/?', 'a.partial', 'a.tmp'],
      ]),
  },
  {
    id: 'STOR-KEY-02',
    law: 'keys of any script keep their bytes, composed and decomposed letters apart',
    run: (bench) =>
      useKeys(bench, [
        'schlüssel/größe',
        '日本語/キー',
        'ключ',
        '\u{1f600}/\u{10348}',
        'caf\u00e9',
        'cafe\u0301',
        '\u200d',
        'ſ',
      ]),
  },
  {
    id: 'STOR-KEY-03',
    law: 'keys may be 512 bytes long, and deep',
    run: (bench) => {
      const long = [
        `${'a'.repeat(200)}/${'b'.repeat(200)}/${'c'.repeat(110)}`,
        `${'ä'.repeat(100)}/${'€'.repeat(60)}/x`,
      ]
      const deep = `${'d/'.repeat(255)}dd`
      assert.equal(deep.length, 512)
      assert.equal(long[0]?.length, 512)
      return useKeys(bench, [...long, deep, `${'e/'.repeat(100)}e`])
    },
  },
  {
    id: 'STOR-KEY-04',
    law: 'keys that differ in their bytes are different objects',
    run: (bench) =>
      useKeys(bench, [
        ...[
          'a/b',
          'a%2Fb',
          'a%2fb',
          'a b',
          'a+b',
          'a%20b',
          'a%2Bb',
          'a\\b',
          'WAL/A',
          'wal/A',
          'wal/a',
          'wal/a.',
          'wal/a ',
        ],
        ...['0', '00', '0.0', 'k', '\u212a', 'ß', 'ss', '\u00c5', '\u212b', '\u00e9', 'e\u0301'],
      ]),
  },
]

async function useKeys(bench: StorageBench, keys: readonly string[]): Promise<void> {
  const storage = await bench.open()
  await putAll(storage, keys)
  assert.deepEqual(await listKeys(storage, ''), inByteOrder(keys))
  for (const key of keys) {
    assertSameBytes(await readBytes(storage, key), Buffer.from(key), `the object of key ${JSON.stringify(key)}`)
    const found = await storage.head(key, { signal: noAbort() })
    assert.deepEqual({ key: found.key, size: found.size }, { key, size: Buffer.byteLength(key) })
    const [listed] = await listKeys(storage, key)
    assert.equal(listed, key, 'the first key that a listing with the key itself as prefix shows')
  }
  const [first, ...rest] = keys
  assert.ok(first !== undefined)
  await storage.delete([first], { signal: noAbort() })
  assert.deepEqual(
    await listKeys(storage, ''),
    inByteOrder(rest),
    `keys that are left when ${JSON.stringify(first)} is gone`,
  )
  await storage.delete(rest, { signal: noAbort() })
  assert.deepEqual(await listKeys(storage, ''), [], 'keys that are left when all are deleted')
}
