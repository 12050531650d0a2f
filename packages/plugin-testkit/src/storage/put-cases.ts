import assert from 'node:assert/strict'
import type { ByteSource } from '@walr/core/plugin'
import { borrowedSource, heldSource, knownSource, unevenSource, unknownSource } from '../bytes/byte-sources.ts'
import { assertSameBytes } from '../bytes/byte-stream.ts'
import { checksumOf } from '../bytes/checksum.ts'
import { patternBytes } from '../bytes/pattern-bytes.ts'
import type { ConformanceCase } from '../suite/conformance-case.ts'
import { rejectsWithStorageError } from '../suite/rejection.ts'
import { assertNothingStored, createBytes, noAbort, putBytes, readBytes } from './storage-actions.ts'
import type { StorageBench } from './storage-bench.ts'

/** Around the sizes at which storages change their way: nothing, one part, one part and a bit, several parts. */
function sizes(bench: StorageBench): readonly number[] {
  const part = bench.partBytes(1)
  return [0, 1, part - 1, part, part + 7, bench.partBytes(3.4) + 3]
}

/** What a put that goes well does. */
export const putCases: readonly ConformanceCase<StorageBench>[] = [
  {
    id: 'STOR-PUT-01',
    law: 'objects of 0 bytes, 1 byte, about one part and several parts come back byte for byte',
    timeoutMs: 120_000,
    run: (bench) => roundTrip(bench, knownSource),
  },
  {
    id: 'STOR-PUT-02',
    law: 'a source that does not know its size is stored whole',
    timeoutMs: 120_000,
    run: (bench) => roundTrip(bench, unknownSource),
  },
  {
    id: 'STOR-PUT-03',
    law: 'ifAbsent leaves an object that is there alone and rejects with AlreadyExists',
    run: async (bench) => {
      const storage = await bench.open()
      await createBytes(storage, 'wal/taken', Buffer.from('first'))
      for (const bytes of [
        Buffer.from('second'),
        Buffer.from('first'),
        Buffer.alloc(0),
        patternBytes(bench.partBytes(1.2), 1),
      ]) {
        for (const source of [knownSource(bytes), unknownSource(bytes)]) {
          await rejectsWithStorageError(
            () => storage.put('wal/taken', source, { ifAbsent: true, signal: noAbort() }),
            'put with ifAbsent under a key that is taken',
            'AlreadyExists',
          )
          assertSameBytes(await readBytes(storage, 'wal/taken'), Buffer.from('first'), 'the object that was there')
        }
      }
    },
  },
  {
    id: 'STOR-PUT-05',
    law: 'without ifAbsent an object is replaced, by a longer and by a shorter one',
    run: async (bench) => {
      const storage = await bench.open()
      for (const text of ['first', 'a second one that is longer', '3rd', '']) {
        await putBytes(storage, 'wal/replaced', Buffer.from(text))
        assertSameBytes(await readBytes(storage, 'wal/replaced'), Buffer.from(text), 'the object put last')
      }
    },
  },
  {
    id: 'STOR-PUT-09',
    law: "the confirmation tells the object's size and, when there is one, its true checksum",
    run: async (bench) => {
      const storage = await bench.open()
      for (const size of [0, 1, 100_003, bench.partBytes(1.2)]) {
        const bytes = patternBytes(size, size)
        const confirmation = await putBytes(storage, `wal/${size}`, bytes)
        assert.equal(confirmation.size, size, 'the size confirmed')
        const { checksum } = confirmation
        if (checksum === undefined) continue
        assert.equal(checksum.value, checksumOf(bytes, checksum.algorithm), `the ${checksum.algorithm} confirmed`)
      }
    },
  },
  {
    id: 'STOR-PUT-10',
    law: 'chunks are used before the next one is asked for: a source may reuse its buffer',
    run: async (bench) => {
      const storage = await bench.open()
      const bytes = patternBytes(bench.partBytes(1.2) + 11, 10)
      for (const size of [bytes.length, undefined]) {
        await storage.put('wal/borrowed', borrowedSource(bytes, size), { ifAbsent: false, signal: noAbort() })
        assertSameBytes(
          await readBytes(storage, 'wal/borrowed'),
          bytes,
          'the object of a source that reuses its buffer',
        )
      }
    },
  },
  {
    id: 'STOR-PUT-12',
    law: 'how a source cuts its bytes changes nothing, empty chunks included',
    run: async (bench) => {
      const storage = await bench.open()
      const bytes = patternBytes(50_021, 12)
      for (const [index, source] of [1, 2, 3].map((seed) => unevenSource(bytes, seed)).entries()) {
        await storage.put(`wal/uneven-${index}`, source, { ifAbsent: true, signal: noAbort() })
        assertSameBytes(await readBytes(storage, `wal/uneven-${index}`), bytes, 'the object of a source cut at random')
      }
      await storage.put('wal/bytewise', knownSource(bytes.subarray(0, 300), 1), { ifAbsent: true, signal: noAbort() })
      assertSameBytes(await readBytes(storage, 'wal/bytewise'), bytes.subarray(0, 300), 'the object put byte by byte')
    },
  },
  {
    id: 'STOR-PUT-13',
    law: 'puts of different keys at the same time keep each its own bytes',
    run: async (bench) => {
      const storage = await bench.open()
      const objects = Array.from({ length: 12 }, (_, index) => patternBytes(200_000 + index * 17, index))
      await Promise.all(objects.map((bytes, index) => createBytes(storage, `wal/parallel-${index}`, bytes)))
      for (const [index, bytes] of objects.entries()) {
        assertSameBytes(await readBytes(storage, `wal/parallel-${index}`), bytes, `object ${index} of 12`)
      }
    },
  },
  {
    id: 'STOR-PUT-14',
    law: 'nobody sees any of an object before all of it is there',
    run: async (bench) => {
      const [writer, reader] = [await bench.open(), await bench.open()]
      const bytes = patternBytes(bench.partBytes(1.2), 14)
      let looked = 0
      const source = heldSource(bytes, async () => {
        looked++
        await assertNothingStored(reader, 'wal/slow')
        await assertNothingStored(writer, 'wal/slow')
      })
      await writer.put('wal/slow', source, { ifAbsent: true, signal: noAbort() })
      assert.ok(looked > 0, 'the source was never read to its end')
      assertSameBytes(await readBytes(reader, 'wal/slow'), bytes, 'the object, once the put has resolved')
    },
  },
]

async function roundTrip(bench: StorageBench, sourceOf: (bytes: Uint8Array) => ByteSource): Promise<void> {
  const [writer, reader] = [await bench.open(), await bench.open()]
  for (const size of sizes(bench)) {
    const bytes = patternBytes(size, size)
    const confirmation = await writer.put(`wal/${size}`, sourceOf(bytes), { ifAbsent: true, signal: noAbort() })
    assert.equal(confirmation.size, size, 'the size confirmed')
    assertSameBytes(await readBytes(reader, `wal/${size}`), bytes, `an object of ${size} bytes`)
  }
}
