import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { INVALID_LSN, parseLsn, type Lsn } from '../wal/lsn.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { walFileName } from '../wal/wal-file-name.ts'
import { toWalSegmentSize, type WalSegmentSize } from '../wal/wal-segment-size.ts'
import { StorageError, type Storage, type StoredObject } from '../plugins/contract/index.ts'
import { CLUSTER, SEGMENT, TIMELINE_1 } from '../wal/wal-bytes.fixture.ts'
import { ArchiveInventory, isRecorded } from './archive-inventory.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'

const { signal } = new AbortController()
const layout = new ArchiveLayout('main', CLUSTER)
const MEGABYTES_16 = toWalSegmentSize(16_777_216)
let storage: ScriptedStorage
beforeEach(() => {
  storage = new ScriptedStorage()
})

function put(segmentNumber: bigint, { timelineId = 1, suffix = '', size = SEGMENT } = {}): void {
  const name = walFileName(toTimelineId(timelineId), segmentNumber, toWalSegmentSize(size))
  storage.objects.set(layout.segmentKey(name, suffix), Buffer.alloc(0))
}
const putForeign = (key: string): unknown => storage.objects.set(`main/${CLUSTER}/${key}`, Buffer.alloc(1))
const inventory = (size: WalSegmentSize = SEGMENT): ArchiveInventory => new ArchiveInventory(storage, layout, size)
const newest = async (size?: WalSegmentSize, before?: bigint): Promise<bigint | undefined> =>
  (await inventory(size).newest(TIMELINE_1, signal, before))?.segmentNumber
const lsn = (text: string): Lsn => parseLsn(text) ?? expect.unreachable()

describe('the newest segment of a timeline', () => {
  it('is unknown to an empty archive, and to one with other timelines only', async () => {
    expect(await newest()).toBeUndefined()
    put(7n, { timelineId: 2 })
    expect(await newest()).toBeUndefined()
  })

  it.each([
    ['1 MB', SEGMENT, 2n ** 44n - 1n],
    ['16 MB', MEGABYTES_16, 2n ** 40n - 1n],
  ])('is found with few listings of %s segments, at the ends of the log and between', async (_, size, last) => {
    for (const number of [0n, 1n, 255n, 256n, 4095n, 4096n, 123_456_789n, last - 1n, last]) {
      storage.objects.clear()
      put(number, { size })
      if (number > 5n) put(3n, { size, suffix: '.zst.aes' })
      storage.calls.length = 0
      expect(await newest(size)).toBe(number)
      expect(storage.calls.length).toBeLessThan(60)
    }
  })

  it.each([
    ['one listing where a listing has all entries at hand', 0, 1, 1],
    ['few listings where every entry costs', 40, 5, 60],
  ])('is found with %s', async (_, entryMs, least, most) => {
    for (let number = 100n; number < 3000n; number++) put(number)
    let nowMs = 0
    let listings = 0
    const timed: Storage = Object.create(storage, {
      list: {
        value: async function* (...args: Parameters<Storage['list']>): AsyncGenerator<StoredObject> {
          listings += 1
          nowMs += 100 // until the first entry
          for await (const object of storage.list(...args)) {
            yield object
            nowMs += entryMs
          }
        },
      },
    }) as Storage
    const found = await new ArchiveInventory(timed, layout, SEGMENT, () => nowMs).newest(TIMELINE_1, signal)
    expect(found?.segmentNumber).toBe(2999n)
    expect(listings).toBeGreaterThanOrEqual(least)
    expect(listings).toBeLessThanOrEqual(most)
  })

  it('is the same under any suffixes, and under several', async () => {
    put(4n, { suffix: '.zst' })
    put(5n, { suffix: '.zst.aes' })
    put(5n)
    put(5n, { suffix: '.gz' })
    expect(await newest()).toBe(5n)
    expect(await newest(SEGMENT, 5n)).toBe(4n)
    expect(await newest(SEGMENT, 4n)).toBeUndefined()
    expect(await newest(SEGMENT, 0n)).toBeUndefined()
  })

  it('is not looked for in what is not a segment of it', { timeout: 5000 }, async () => {
    put(5n)
    const folder = 'wal/00000001'
    for (const key of [
      `${folder}/notes.txt`,
      `${folder}/0000000100000000000000FF.bak!`,
      `${folder}/0000000200000000000000FF`,
      `${folder}/000000010000000000FFFFFF`,
      `${folder}/0000000100000000000000ff`,
      `${folder}/00000001000000000000000F/part`,
      `${folder}/copy/00000001000000000000000F`,
      `${folder}/!copy/00000001000000000000000F`,
    ]) {
      putForeign(key)
    }
    expect(await newest()).toBe(5n)
    expect(await inventory().has(TIMELINE_1, 15n, signal)).toBe(false)
    expect(await inventory().first(TIMELINE_1, signal)).toBe(5n)
    expect(await inventory().runs(TIMELINE_1, { from: 0n, end: 100n }, signal)).toEqual([{ first: 5n, end: 6n }])
  })

  it('is what a full listing says, whatever is there', async () => {
    const small = fc.bigInt({ min: 0n, max: 40n })
    const number = fc.oneof(small, fc.bigInt({ min: 4090n, max: 4100n }), fc.bigInt({ min: 0n, max: 2n ** 44n - 1n }))
    const suffix = fc.constantFrom('', '.gz', '.zst', '.zst.aes')
    const present = fc.array(fc.tuple(number, suffix, fc.integer({ min: 1, max: 3 })), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(present, fc.option(number, { nil: undefined }), small, async (entries, before, first) => {
        storage.objects.clear()
        for (const [segmentNumber, suffixes, timelineId] of entries)
          put(segmentNumber, { timelineId, suffix: suffixes })
        const numbers = [...new Set(entries.filter(([, , timelineId]) => timelineId === 1).map(([value]) => value))]
        const below = numbers.filter((value) => before === undefined || value < before)
        const highest = below.reduce<bigint | undefined>(
          (high, value) => (high && high > value ? high : value),
          undefined,
        )
        expect(await newest(SEGMENT, before)).toBe(highest)
        for (const value of [...numbers, 0n, 7n, 4096n]) {
          expect(await inventory().has(TIMELINE_1, value, signal)).toBe(numbers.includes(value))
        }
        const above = entries.map(([, , timelineId]) => timelineId).filter((timelineId) => timelineId > 1)
        expect(await inventory().timelineAbove(TIMELINE_1, signal)).toBe(
          above.length === 0 ? undefined : Math.min(...above),
        )
        expect(await inventory().timelines(signal)).toEqual([...new Set(entries.map(([, , id]) => id))].toSorted())
        const end = first + 60n
        const runs = await inventory().runs(TIMELINE_1, { from: first, end }, signal)
        expect(runs.flatMap((run) => range(run.first, run.end))).toEqual(
          range(first, end).filter((value) => numbers.includes(value)),
        )
      }),
      { numRuns: 100 },
    )
  })
})

describe('the runs of segments', () => {
  it('are told in order, within the bounds, with one listing', async () => {
    for (const number of [3n, 4n, 7n, 9n]) put(number)
    put(4n, { suffix: '.zst' })
    const runs = async (from: bigint, end: bigint): Promise<unknown> =>
      (await inventory().runs(TIMELINE_1, { from, end }, signal)).map((run) => [run.first, run.end])
    expect(await runs(0n, 12n)).toEqual([
      [3n, 5n],
      [7n, 8n],
      [9n, 10n],
    ])
    expect(await runs(4n, 9n)).toEqual([
      [4n, 5n],
      [7n, 8n],
    ])
    expect(await runs(10n, 20n)).toEqual([])
    expect(storage.calls).toHaveLength(3)
  })
})

describe('the history of a timeline', () => {
  const history = (): Promise<unknown> => inventory().history(toTimelineId(2), signal)

  it('is what the archive has of it', async () => {
    expect(await history()).toBeUndefined()
    storage.objects.set(layout.historyKey('00000002.history'), Buffer.from('1\t0/5000A0\tno reason\n'))
    expect(await history()).toEqual([{ timelineId: 1, switchLsn: lsn('0/5000A0'), reason: 'no reason' }])
  })

  it('is an error, and not absent, when it is malformed or the storage cannot tell', async () => {
    putForeign('history/00000002.history')
    await expect(history()).rejects.toMatchObject({
      code: 'WALR_TIMELINE',
      detail: expect.stringContaining('history/00000002.history') as string,
    })
    storage.script = () => {
      throw new StorageError('Transient', 'away')
    }
    await expect(history()).rejects.toMatchObject({ code: 'Transient' })
  })
})

describe('a timeline above another one', () => {
  it('is the next that has segments, and nothing that only looks like one', async () => {
    const above = (timelineId: number): Promise<number | undefined> =>
      inventory().timelineAbove(toTimelineId(timelineId), signal)
    putForeign('wal/notes/00000009000000000000000F')
    putForeign('wal/00000008/read.me')
    putForeign('wal/00000008/00000007000000000000000F')
    putForeign('waldo')
    expect(await above(1)).toBeUndefined()
    put(1n, { timelineId: 0x0a })
    put(1n, { timelineId: 0xffff_ffff })
    expect(await above(1)).toBe(0x0a)
    expect(await above(0x0a)).toBe(0xffff_ffff)
    expect(await above(0xffff_ffff)).toBeUndefined()
  })
})

describe('recorded gaps', () => {
  it('are read from their names, and other objects there are left alone', async () => {
    putForeign('gaps/0000000000400000-0000000000600000.json')
    for (const name of [
      'x.json',
      '0000000000400000-000000000060000.json',
      '0000000000400000-0000000000600000.json.bak',
    ])
      putForeign(`gaps/${name}`)
    expect(await inventory().gaps(signal)).toEqual([{ startLsn: 0x400000n, endLsn: 0x600000n }])
  })

  it('cover a run only from end to end', () => {
    const gaps = [{ startLsn: lsn('0/400000'), endLsn: lsn('0/600000') }]
    const covers = (first: bigint, end: bigint): boolean =>
      isRecorded(gaps, { timelineId: TIMELINE_1, first, end }, SEGMENT)
    expect([covers(4n, 6n), covers(5n, 6n), covers(3n, 6n), covers(4n, 7n), covers(6n, 7n)]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  it('that say nothing of where they begin cover nothing', () => {
    const gaps = [{ startLsn: INVALID_LSN, endLsn: lsn('0/600000') }]
    for (const first of [0n, 1n, 5n]) {
      expect(isRecorded(gaps, { timelineId: TIMELINE_1, first, end: 6n }, SEGMENT)).toBe(false)
    }
  })
})

function range(first: bigint, end: bigint): bigint[] {
  const all: bigint[] = []
  for (let number = first; number < end; number += 1n) all.push(number)
  return all
}
