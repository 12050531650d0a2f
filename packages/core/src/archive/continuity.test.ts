import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StorageError } from '../plugins/contract/index.ts'
import { until } from '../wal/recording.fixture.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { CLUSTER, SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import type { SegmentItem } from './archive-entry.ts'
import { ArchiveInventory } from './archive-inventory.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { scanDirectory } from './archive-queue.ts'
import { Continuity } from './continuity.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'

let bench: ArchiverBench
beforeEach(() => {
  bench = new ArchiverBench()
  bench.clock.graceMs = 20
})
afterEach(() => bench.dispose())

const archived = (number: number, timelineId = 1): unknown =>
  bench.storage.objects.set(bench.key(number, timelineId), pagedSegment(number, timelineId))
const history = (content: string, timelineId = 2): void =>
  writeFileSync(join(bench.directory, `0000000${timelineId}.history`), content)
const gaps = (): readonly string[] => bench.gaps
const alarms = (): readonly string[] => bench.gapAlarms

/** Twice, as a gap that was found is archived at the next look. */
async function drainTwice(): Promise<void> {
  await bench.drain()
  await bench.drain()
}

it('is asked for where segments begin, and not while they follow one another, whenever the directory is looked at', async () => {
  for (const number of [4, 5, 6, 7]) bench.write(number)
  const layout = new ArchiveLayout('main', CLUSTER)
  const continuity = new Continuity({
    wal: { disk: nodeDisk, directory: bench.directory, systemIdentifier: CLUSTER, walSegmentSize: SEGMENT },
    inventory: new ArchiveInventory(bench.storage, layout, SEGMENT),
    historyOf: () => Promise.resolve(undefined),
    logger: bench.logger,
    now: () => new Date(),
    guarded: false,
    onHeldGap: () => undefined,
  })
  /** Looks when so much is there, of which so much is not confirmed. @returns before what the archive is to be asked. */
  const look = async (newest: number, ...open: number[]): Promise<readonly string[]> => {
    const scan = await scanDirectory(nodeDisk, bench.directory, SEGMENT)
    const segments = scan.entries.filter((entry) => entry.kind === 'segment')
    const named = (number: number): SegmentItem =>
      segments.find(({ segmentNumber }) => segmentNumber === BigInt(number)) ?? expect.unreachable()
    const asked = continuity.update({ ...scan, newest: named(newest) }, open.map(named), () => true)
    for (const segment of asked) await continuity.check(segment, bench.stop.signal)
    for (const number of archivedBy.splice(0)) continuity.archived(named(number))
    return asked.map(({ fileName }) => fileName)
  }
  const archivedBy = [4]
  expect(await look(5, 4, 5)).toEqual([segmentName(4)])
  // It is archived, and its confirmation is on its way to the disk.
  expect(await look(5, 4, 5)).toEqual([])
  expect(await look(5, 5)).toEqual([])
  archivedBy.push(5)
  expect(await look(5, 5)).toEqual([])
  expect(await look(5)).toEqual([])
  expect(await look(7, 6, 7)).toEqual([])
  // Nobody has archived what is before this one.
  expect(await look(7, 7)).toEqual([])
  expect(await look(7)).toEqual([])
  expect(await look(7, 6)).toEqual([segmentName(6)])
})

describe('missing WAL', () => {
  it('is recorded exactly, also when what is before it still waits in the directory', async () => {
    archived(3)
    for (const number of [4, 6, 7]) bench.write(number)
    // The first one is never archived while the others are.
    bench.storage.script = ({ operation, key }) => {
      if (operation === 'put' && key === bench.key(4)) throw new StorageError('Permanent', 'not this one')
    }
    await drainTwice()
    expect(gaps()).toEqual(['5-6'])
    expect(alarms()).toEqual([expect.stringContaining('0/500000 to 0/600000')])
  })

  it('is not seen on a parent timeline whose segments are still on their way', async () => {
    archived(3)
    history('1\t0/6000A0\tno reason\n')
    for (const number of [4, 5]) bench.write(number)
    for (const number of [6, 7]) bench.write(number, 2)
    const checked = Promise.withResolvers<undefined>()
    bench.storage.script = async ({ operation, key }) => {
      // The parent's last segment is slow: the child's first is looked at meanwhile.
      if (operation === 'put' && key === bench.key(5)) await checked.promise
      if (operation === 'put' && key === bench.key(6, 2)) checked.resolve(undefined)
    }
    await drainTwice()
    expect(alarms()).toEqual([])
    expect(gaps()).toEqual([])
    expect(bench.storage.objects.has(bench.key(5))).toBe(true)
  })

  it('is found between a parent timeline and its child', async () => {
    archived(3)
    history('1\t0/6000A0\tno reason\n')
    for (const number of [7, 8]) bench.write(number, 2)
    await drainTwice()
    expect(gaps()).toEqual(['4-7'])
  })

  it('is found at the beginning of a timeline whose parent is complete', async () => {
    for (const number of [3, 4, 5]) archived(number)
    history('1\t0/6000A0\tno reason\n')
    for (const number of [8, 9]) bench.write(number, 2)
    await drainTwice()
    expect(gaps()).toEqual(['6-8'])
  })

  it('is found when the directory is looked at again while the archive’s owner is being asked', async () => {
    archived(3)
    for (const number of [7, 8]) bench.write(number)
    let looks = 0
    let isHeld = false
    const archiver = bench.make({ onStatus: () => (looks += 1) })
    bench.storage.script = async ({ key }) => {
      if (isHeld || !key.endsWith('identity.json')) return
      isHeld = true
      const before = looks
      archiver.hint()
      // The first belongs to the look that began this.
      await until(() => looks > before + 1, 'another look')
    }
    archiver.drain()
    await archiver.run(bench.stop.signal)
    expect(isHeld).toBe(true)
    await bench.drain()
    expect(gaps()).toEqual(['4-7'])
  })

  it('is found behind segments that were archived out of order, when nobody has it any more', async () => {
    for (const number of [3, 5, 6]) archived(number)
    for (const number of [7, 8]) bench.write(number)
    await drainTwice()
    expect(gaps()).toEqual(['4-5'])
  })

  it('is found on ancestors that only the newest history tells of', async () => {
    for (const number of [3, 4, 5]) archived(number)
    history('1\t0/7000A0\tno reason\n2\t0/9000A0\tno reason\n', 3)
    for (const number of [12, 13]) bench.write(number, 3)
    await drainTwice()
    expect(gaps()).toEqual(['6-C'])
    expect(alarms()).toHaveLength(1)
  })

  it('is found at the beginning of a child that has later segments', async () => {
    for (const number of [3, 4, 5]) archived(number)
    history('1\t0/6000A0\tno reason\n')
    archived(8, 2)
    for (const number of [9, 10]) bench.write(number, 2)
    await drainTwice()
    expect(gaps()).toEqual(['6-8'])
  })

  it('is found at the end of a parent whose child is there', async () => {
    for (const number of [3, 4]) archived(number)
    history('1\t0/6000A0\tno reason\n')
    for (const number of [6, 7]) archived(number, 2)
    for (const number of [8, 9]) bench.write(number, 2)
    await drainTwice()
    expect(gaps()).toEqual(['5-6'])
  })

  it('is found between segments that wait', async () => {
    archived(3)
    archived(6)
    for (const number of [4, 7]) bench.write(number)
    await drainTwice()
    expect(gaps()).toEqual(['5-6'])
  })

  it('is not what an abandoned branch has beyond the switch', async () => {
    for (const number of [3, 4, 5, 6, 8]) archived(number)
    history('1\t0/6000A0\tno reason\n')
    for (const number of [6, 7]) bench.write(number, 2)
    await drainTwice()
    expect(gaps()).toEqual([])
  })

  it('is found however far back, beside the archiving, by one listing of each timeline', async () => {
    archived(3)
    const any = pagedSegment(5, 1)
    for (let number = 5; number < 0x600; number += 1) bench.storage.objects.set(bench.key(number), any)
    bench.write(0x600)
    const listed = Promise.withResolvers<undefined>()
    let stored = false
    bench.storage.script = async ({ operation, key }) => {
      // The segment does not wait for the search.
      if (operation === 'put' && key === bench.key(0x600)) stored = true
      if (operation === 'list' && stored) await listed.promise
    }
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.archivedCount === 1, 'the segment is archived')
    expect(gaps()).toEqual([])
    listed.resolve(undefined)
    await until(() => alarms().length > 0, 'it is reported')
    archiver.drain()
    await running
    await bench.drain()
    expect(gaps()).toEqual(['4-5'])
    expect(alarms()).toHaveLength(1)
  })

  it('holds the guard until the archive has been searched completely', async () => {
    for (const number of [3, 4]) archived(number)
    for (const number of [5, 6]) bench.write(number)
    bench.storage.script = ({ operation }) => {
      const isChecked = bench.storage.count('put', segmentName(5)) > 0
      if (operation === 'list' && isChecked) throw new StorageError('Permanent', 'no listing')
    }
    const archiver = bench.make({ guarded: true })
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.logger.lines.some((line) => line.includes('could not look for missing WAL')), 'it failed')
    expect(bench.status?.archivedLsn).toBeUndefined()
    bench.storage.script = () => undefined
    await until(() => bench.status?.archivedLsn === '0/700000', 'it is searched again')
    archiver.drain()
    await running
  })

  it('is assumed before a timeline whose history nobody has, and that is said', async () => {
    for (const number of [3, 4, 5]) archived(number)
    for (const number of [8, 9]) bench.write(number, 2)
    await drainTwice()
    expect(gaps()).toEqual(['6-8'])
    expect(bench.logger.lines).toContain('warning: the history of timeline 2 is unknown')
  })

  it('is found by the history that the archive has when the directory has none', async () => {
    for (const number of [3, 4, 5]) archived(number)
    bench.storage.objects.set(`main/${CLUSTER}/history/00000002.history`, Buffer.from('1\t0/6000A0\tno reason\n'))
    for (const number of [6, 7]) bench.write(number, 2)
    await drainTwice()
    expect(gaps()).toEqual([])
    expect(bench.logger.lines.filter((line) => line.startsWith('warning:'))).toEqual([])
  })

  it('keeps the guard before it, and is not given up while there is one', async () => {
    for (const number of [3, 5, 6]) archived(number)
    for (const number of [7, 8]) bench.write(number)
    const positions: (string | undefined)[] = []
    const status = await bench.drain({ guarded: true, onStatus: ({ archivedLsn }) => positions.push(archivedLsn) })
    expect(status.archivedLsn).toBe('0/400000')
    // Nor was it ever told to go further, not even before the archive was asked.
    expect(new Set(positions.filter((position) => position !== undefined))).toEqual(new Set(['0/400000']))
    await bench.drain({ guarded: true })
    expect(gaps()).toEqual([])
    expect(alarms()).toHaveLength(2)
  })

  it('is told again for every gap, and not for one that is recorded', async () => {
    archived(3)
    bench.storage.objects.set(
      `main/${CLUSTER}/gaps/0000000000400000-0000000000600000.json`,
      Buffer.from('{"reason":"known"}'),
    )
    for (const number of [6, 9, 0xb, 0xc]) bench.write(number)
    await drainTwice()
    expect(gaps()).toEqual(['4-6', '7-9', 'A-B'])
    expect(alarms()).toHaveLength(2)
  })

  it('is reported, and not lost in a loop, when it cannot be recorded', async () => {
    archived(3)
    for (const number of [7, 8]) bench.write(number)
    const broken = new ArchiverBench()
    try {
      writeFileSync(join(broken.directory, '.walr', 'gaps'), 'not a folder')
      for (const number of [7, 8]) broken.write(number)
      const status = await broken.drain({ storage: bench.storage })
      expect(status.lastError?.code).toBe('WALR_DIRECTORY')
      expect(broken.files).toEqual([segmentName(7), segmentName(8)])
      expect(bench.storage.objects.has(bench.key(7))).toBe(false)
    } finally {
      broken.dispose()
    }
  })

  it('is not assumed when the archive cannot be asked', async () => {
    for (const number of [4, 5]) bench.write(number)
    bench.storage.script = ({ operation }) => {
      if (operation === 'list') throw new StorageError('NotFound', 'no such bucket')
    }
    const status = await bench.drain()
    expect(status.lastError?.code).toBe('WALR_ARCHIVE_REFUSED')
    expect(bench.storage.objects.has(bench.key(4))).toBe(false)
    expect(gaps()).toEqual([])
    expect(readdirSync(join(bench.directory, '.walr'))).toEqual(['archive.json'])
  })
})
