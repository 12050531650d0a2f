import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StorageError } from '../plugins/contract/index.ts'
import { until } from '../wal/recording.fixture.ts'
import { CLUSTER, segmentName } from '../wal/wal-bytes.fixture.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'

let bench: ArchiverBench
beforeEach(() => {
  bench = new ArchiverBench()
  bench.clock.graceMs = 20
})
afterEach(() => bench.dispose())

const OURS = '1\t0/6000A0\tno reason\n'
const THEIRS = '1\t0/6000B8\tno reason\n'
const key = (timelineId: number): string => `main/${CLUSTER}/history/0000000${timelineId}.history`
const write = (timelineId: number, content: string): void =>
  writeFileSync(join(bench.directory, `0000000${timelineId}.history`), content)
const store = (timelineId: number, content: string): unknown =>
  bench.storage.objects.set(key(timelineId), Buffer.from(content))
const archivedSegments = (): readonly string[] =>
  [...bench.storage.objects.keys()].filter((name) => name.includes('/wal/')).map((name) => name.slice(-24))
const quarantine = (): readonly string[] =>
  [...bench.storage.objects].filter(([name]) => name.includes('/quarantine/')).map(([, bytes]) => bytes.toString())
/** What was to be stored of timeline 2, in this order. */
const puts = (): readonly string[] =>
  bench.storage.calls
    .filter(({ operation, key: name }) => operation === 'put' && /\/(wal|history)\/00000002/.test(name))
    .map(({ key: name }) => (name === key(2) ? 'history' : 'segment'))
const errors = (): readonly string[] => bench.logger.lines.filter((line) => line.startsWith('error:'))

/** What both servers have, and the archive; and segments of this one behind the switch. */
function branch(timelineId = 2): void {
  for (const number of [4, 5]) bench.storage.objects.set(bench.key(number), pagedSegment(number))
  for (const number of [6, 7]) bench.write(number, timelineId)
}

describe('another history of a timeline in the archive', () => {
  it('holds the segments of that timeline back, with an alarm and an error in the status', async () => {
    branch()
    store(2, THEIRS)
    write(2, OURS)
    for (let run = 1; run <= 2; run += 1) {
      const status = await bench.drain()
      expect(status).toMatchObject({
        quarantined: ['00000002.history'],
        backlog: { files: 2 },
        archivedCount: 0,
        lastError: { code: 'WALR_ARCHIVE_CONFLICT', message: 'the archive has another history of timeline 2' },
      })
      expect(errors()).toHaveLength(run)
    }
    expect(archivedSegments()).toEqual([segmentName(4), segmentName(5)])
    expect(bench.files).toEqual(['00000002.history', segmentName(6, 2), segmentName(7, 2)])
    expect(bench.storage.objects.get(key(2))?.toString()).toBe(THEIRS)
    expect(quarantine()).toEqual([OURS])
  })

  it('holds descendants back, and not the parent', async () => {
    branch(3)
    for (const number of [5, 6]) bench.write(number)
    store(2, THEIRS)
    write(2, OURS)
    write(3, `${OURS}2\t0/6000F0\tno reason\n`)
    const status = await bench.drain()
    expect(status).toMatchObject({ quarantined: ['00000002.history'], backlog: { files: 2 }, archivedCount: 2 })
    expect(archivedSegments()).toEqual([segmentName(4), segmentName(5), segmentName(6)])
  })

  it('is also seen when it is that of an ancestor which the directory has no history of', async () => {
    branch(3)
    store(2, THEIRS)
    write(3, `${OURS}2\t0/6000F0\tno reason\n`)
    const status = await bench.drain()
    expect(status).toMatchObject({
      quarantined: ['00000003.history'],
      backlog: { files: 2 },
      lastError: { code: 'WALR_ARCHIVE_CONFLICT', message: 'the archive has another history of timeline 2' },
    })
    expect(bench.storage.objects.has(key(3))).toBe(false)
    expect(archivedSegments()).toEqual([segmentName(4), segmentName(5)])
  })

  it('is settled by moving the object away and starting again', async () => {
    branch()
    store(2, THEIRS)
    write(2, OURS)
    await bench.drain()
    bench.storage.objects.delete(key(2))
    expect(await bench.drain()).toMatchObject({ quarantined: [], backlog: { files: 0 }, archivedCount: 2 })
    expect(bench.storage.objects.get(key(2))?.toString()).toBe(OURS)
  })

  it('still holds the segments when the history is moved out of the directory before them', async () => {
    branch()
    store(2, THEIRS)
    write(2, OURS)
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.quarantined.length === 1, 'it is in quarantine')
    rmSync(join(bench.directory, '00000002.history'))
    archiver.hint()
    await until(() => bench.status?.quarantined.length === 0, 'the directory was looked at')
    archiver.drain()
    await running
    expect(archiver.status).toMatchObject({ backlog: { files: 2 }, archivedCount: 0 })
    expect(archivedSegments()).toEqual([segmentName(4), segmentName(5)])
  })
})

describe('the same history in the archive', () => {
  it('lets the segments go', async () => {
    branch()
    store(2, OURS)
    write(2, OURS)
    expect(await bench.drain()).toMatchObject({ quarantined: [], archivedCount: 2, lastError: undefined })
    expect(bench.storage.count('get', '/history/')).toBe(1)
  })
})

describe('a history', () => {
  it('is archived before any segment of its timeline, at the price of one put', async () => {
    branch()
    write(2, OURS)
    expect(await bench.drain()).toMatchObject({ archivedCount: 2, lastError: undefined })
    expect(puts()).toEqual(['history', 'segment', 'segment'])
    expect(bench.storage.count('get')).toBe(0)
  })

  it('that the storage refuses holds its segments, and not those of its parent', async () => {
    for (const number of [4, 5]) bench.write(number)
    for (const number of [6, 7]) bench.write(number, 2)
    write(2, OURS)
    let refusals = 0
    bench.storage.script = ({ operation, key: name }) => {
      if (operation !== 'put' || !name.includes('/history/') || (refusals += 1) > 3) return
      throw new StorageError('Permanent', 'not this one')
    }
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.archivedCount === 2 && refusals > 0, 'the parent is archived')
    await until(() => bench.status?.archivedCount === 4, 'all are archived')
    archiver.drain()
    await running
    expect(puts()).toEqual(['history', 'history', 'history', 'history', 'segment', 'segment'])
  })
})
