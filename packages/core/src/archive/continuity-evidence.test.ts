import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { until } from '../wal/recording.fixture.ts'
import { segmentName } from '../wal/wal-bytes.fixture.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'

let bench: ArchiverBench
beforeEach(() => {
  bench = new ArchiverBench()
  bench.clock.graceMs = 20
})
afterEach(() => bench.dispose())

const archived = (number: number): unknown => bench.storage.objects.set(bench.key(number), pagedSegment(number))
const gaps = (): readonly string[] => bench.gaps
const alarms = (): readonly string[] => bench.gapAlarms

/** A segment under the name of another, as when a recycled one is copied out of pg_wal. */
const recycled = (number: number, content = 5): void =>
  writeFileSync(join(bench.directory, segmentName(number)), pagedSegment(content))
const partial = (number: number): string => join(bench.directory, `${segmentName(number)}.partial`)

describe('a file that is no WAL', () => {
  it.each([false, true])(
    'shows no gap when it is named ahead, nor holds the position; guarded: %s',
    async (guarded) => {
      archived(3)
      for (const number of [4, 5]) bench.write(number)
      recycled(9)
      const status = await bench.drain({ guarded })
      expect(status).toMatchObject({
        archivedLsn: '0/600000',
        gapCount: 0,
        lastError: { code: 'WALR_SEGMENT_CORRUPT' },
      })
      await bench.drain({ guarded })
      expect(gaps()).toEqual([])
      expect(alarms()).toEqual([])
      expect(bench.storage.objects.has(bench.key(9))).toBe(false)
      expect(bench.files).toContain(segmentName(9))
    },
  )

  it('is no beginning of the archive: nothing is missing between it and that, also when it goes', async () => {
    for (const number of [4, 5, 6]) archived(number)
    recycled(2)
    bench.write(7)
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.archivedCount === 1, '7 is archived')
    rmSync(join(bench.directory, segmentName(2)))
    archiver.hint()
    await until(() => bench.status?.backlog.files === 0, 'the directory was looked at')
    archiver.drain()
    await running
    await bench.drain()
    expect(alarms()).toEqual([])
    expect(gaps()).toEqual([])
  })

  it.each([1, 2])('leaves the question for what is before it to the next segment; at once: %i', async (concurrency) => {
    archived(2)
    recycled(4)
    for (const number of [5, 6]) bench.write(number)
    await bench.drain({ concurrency })
    await bench.drain({ concurrency })
    expect(gaps()).toEqual(['3-4'])
    expect(bench.files).toContain(segmentName(4))
  })

  it('does not make the receiver seem to be further than it is', async () => {
    archived(3)
    recycled(6, 3)
    recycled(20)
    for (const number of [4, 5]) bench.write(number)
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.archivedCount === 2, '4 and 5 are archived')
    renameSync(join(bench.directory, segmentName(6)), join(bench.directory, '.walr', 'aside'))
    writeFileSync(partial(6), '')
    archiver.hint()
    await until(() => bench.status?.backlog.files === 1, 'the directory was looked at')
    archiver.drain()
    await running
    expect(alarms()).toEqual([])
  })
})

describe('a segment ahead of the receiver', () => {
  /** One that another copy had, while the receiver has not come to it. */
  async function begin(): Promise<{ look: () => void; end: () => Promise<void> }> {
    archived(3)
    writeFileSync(partial(4), '')
    bench.write(8)
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.archivedCount === 1, 'it is archived')
    const end = async (): Promise<void> => {
      archiver.drain()
      await running
      await bench.drain()
    }
    return { look: () => archiver.hint(), end }
  }

  it('shows no gap in front of it, and is not passed before that is archived', async () => {
    const { look, end } = await begin()
    expect(alarms()).toEqual([])
    rmSync(partial(4))
    for (const number of [4, 5, 6, 7]) bench.write(number)
    writeFileSync(partial(9), '')
    look()
    await until(() => bench.status?.archivedLsn === '0/900000', 'all is archived')
    await end()
    expect(alarms()).toEqual([])
    expect(gaps()).toEqual([])
  })

  it('shows what is missing once the receiver is behind it', async () => {
    const { look, end } = await begin()
    renameSync(partial(4), partial(9))
    look()
    await until(() => alarms().length > 0, 'it is reported')
    await end()
    expect(gaps()).toEqual(['4-8'])
  })

  it('shows nothing missing on a branch that the receiver has left meanwhile', async () => {
    const { look, end } = await begin()
    writeFileSync(join(bench.directory, '00000002.history'), '1\t0/5000A0\tno reason\n')
    rmSync(partial(4))
    bench.write(4)
    bench.write(5, 2)
    writeFileSync(join(bench.directory, `${segmentName(6, 2)}.partial`), '')
    look()
    await until(() => bench.status?.archivedCount === 3, 'both are archived')
    await end()
    expect(alarms()).toEqual([])
    expect(gaps()).toEqual([])
  })
})

describe('a gap that the server may still fill', () => {
  beforeEach(() => {
    bench.clock.graceMs = 1
    archived(3)
    for (const number of [7, 8]) bench.write(number)
  })

  it('is in the status as long as it is there, and told again every ten minutes', async () => {
    const archiver = bench.make({ guarded: true })
    const running = archiver.run(bench.stop.signal)
    const startMs = bench.clock.nowMs()
    await until(() => alarms().length > 1, 'it is told again')
    expect(bench.clock.nowMs() - startMs).toBeGreaterThanOrEqual(600_000)
    expect(bench.status).toMatchObject({
      archivedLsn: '0/400000',
      gapCount: 1,
      heldGapCount: 1,
      lastError: {
        code: 'WALR_WAL_GAP',
        message: 'WAL is missing: 0/400000 to 0/700000 is neither in the archive nor in the receive directory',
      },
    })
    archiver.drain()
    await running
    expect(gaps()).toEqual([])
  })

  it('is recorded when the guard is lost, and so is what is found later', async () => {
    const archiver = bench.make({ guarded: true })
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.heldGapCount === 1, 'it is held')
    archiver.setGuardLost(true)
    await until(() => gaps().length === 1 && bench.status?.archivedLsn === '0/900000', 'it is recorded')
    expect(bench.status).toMatchObject({ gapCount: 1, heldGapCount: 0 })
    for (const number of [11, 12]) bench.write(number)
    archiver.hint()
    await until(() => gaps().length === 2, 'the next one is recorded')
    archiver.drain()
    await running
    expect(gaps()).toEqual(['4-7', '9-B'])
  })

  it('is held until it can be recorded, and nothing waits for that', async () => {
    const disk = new FaultTreeDisk(nodeDisk)
    const archiver = bench.make({ guarded: true, disk })
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.heldGapCount === 1, 'it is held')
    const heal = disk.on({ operation: 'makeDirectory', pathPattern: /gaps$/ }, { error: 'ENOSPC' })
    archiver.setGuardLost(true)
    await until(() => bench.status?.lastError?.code === 'WALR_DIRECTORY', 'it is refused')
    bench.write(9)
    await until(() => bench.status?.archivedCount === 3, 'archiving goes on')
    expect(bench.status).toMatchObject({ heldGapCount: 1, archivedLsn: '0/400000' })
    heal()
    await until(() => gaps().length === 1 && bench.status?.archivedLsn === '0/A00000', 'it is recorded')
    archiver.drain()
    await running
    expect(bench.status).toMatchObject({ gapCount: 1, heldGapCount: 0 })
  })

  it('is held again when there is a guard again', async () => {
    const archiver = bench.make({ guarded: true })
    archiver.setGuardLost(true)
    archiver.setGuardLost(false)
    archiver.drain()
    await archiver.run(bench.stop.signal)
    expect(bench.status).toMatchObject({ gapCount: 1, heldGapCount: 1 })
  })
})
