import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import type { FaultMatch } from '../disk/fault-rules.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { until } from '../wal/recording.fixture.ts'
import { CLUSTER, SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'
import { CONFIRMED_FOLDER, ConfirmedFiles } from './confirmed-files.ts'
import { fingerprintOf } from './file-fingerprint.ts'

let bench: ArchiverBench
let disk: FaultTreeDisk
beforeEach(() => {
  bench = new ArchiverBench()
  bench.clock.graceMs = 20
  disk = new FaultTreeDisk(nodeDisk)
})
afterEach(() => bench.dispose())

const DAY_MS = 86_400_000
const keep = { keepLocalMs: DAY_MS }
const markers = (): readonly string[] => {
  const folder = join(bench.directory, CONFIRMED_FOLDER)
  return existsSync(folder) ? readdirSync(folder).toSorted() : []
}
const mark = (number: number, text: string): void => {
  const identity = { format: 1, archiveId: 'the-archive', systemIdentifier: CLUSTER, walSegmentSize: SEGMENT }
  bench.storage.objects.set(`main/${CLUSTER}/identity.json`, Buffer.from(JSON.stringify(identity)))
  mkdirSync(join(bench.directory, CONFIRMED_FOLDER), { recursive: true })
  writeFileSync(join(bench.directory, CONFIRMED_FOLDER, segmentName(number)), text)
}
/** As an earlier run has left it, for the file that is there. */
async function markThere(number: number, ageMs = 0): Promise<void> {
  const fingerprint = (await fingerprintOf(nodeDisk, join(bench.directory, segmentName(number)))) ?? '1 none 1'
  mark(number, `${new Date(bench.clock.nowMs() - ageMs).toISOString()}\nthe-archive\n${fingerprint}\n`)
}
const local = (number: number): Buffer => readFileSync(join(bench.directory, segmentName(number)))
/** Other WAL takes the place of a segment, as when the directory is received anew from another server. */
function replace(number: number): void {
  const path = join(bench.directory, segmentName(number))
  writeFileSync(`${path}.new`, pagedSegment(number, 1, 7))
  renameSync(`${path}.new`, path)
}
const later = (ms: number): Promise<void> => bench.clock.wait(ms, bench.stop.signal)
/** Law 4: what is not in the directory any more is in the archive, byte for byte. */
function expectNothingLost(numbers: readonly number[]): void {
  for (const number of numbers) {
    if (bench.files.includes(segmentName(number))) continue
    expect(bench.storage.objects.get(bench.key(number))?.equals(pagedSegment(number))).toBe(true)
  }
}

describe('an archive that was begun anew', () => {
  it('gets the kept segments again, and nothing is removed that only the lost one had', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    await bench.drain(keep)
    bench.storage.objects.clear()
    await later(2 * DAY_MS)
    bench.write(7)
    await bench.drain(keep)
    for (const number of [4, 5, 6, 7]) expect(bench.storage.objects.has(bench.key(number)), String(number)).toBe(true)
    expect(
      bench.logger.lines.filter((line) => line.includes('not the one that this directory was archived to')),
    ).toHaveLength(1)
    await bench.drain(keep)
    expect(bench.files).toEqual([4, 5, 6, 7].map((number) => segmentName(number)))
  })
})

describe('a confirmed segment', () => {
  it('is removed at once without keepLocal, unless it is the newest', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    await bench.drain()
    expect(bench.files).toEqual([segmentName(6)])
    expect(markers()).toEqual([])
  })

  it('stays for keepLocal and not longer, and its marker goes after it', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    await bench.drain(keep)
    expect(markers()).toEqual([4, 5, 6].map((number) => segmentName(number)))
    await later(DAY_MS - 60_000)
    await bench.drain(keep)
    expect(bench.files).toHaveLength(3)
    await later(120_000)
    await bench.drain(keep)
    expect(bench.files).toEqual([segmentName(6)])
    await bench.drain(keep)
    expect(markers()).toEqual([segmentName(6)])
  })

  it('is never removed while it is the newest of the directory, however old', async () => {
    bench.write(4)
    await bench.drain(keep)
    await later(100 * DAY_MS)
    await bench.drain(keep)
    await bench.drain()
    await bench.drain({ disk })
    expect(bench.files).toEqual([segmentName(4)])
  })

  it('may be the newest by its timeline only, and then stays', async () => {
    writeFileSync(join(bench.directory, '00000002.history'), '1\t0/5000A0\tno reason\n')
    for (const number of [4, 5, 6, 7]) bench.write(number)
    bench.write(5, 2)
    await bench.drain()
    expect(bench.files).toEqual([segmentName(5, 2), '00000002.history'].toSorted())
  })
})

describe('what says where receiving goes on', () => {
  it.each([
    ['finished', segmentName(40)],
    ['unfinished', `${segmentName(40)}.partial`],
  ])('is the newest confirmed segment beside a foreign %s file that is named ahead', async (_, foreign) => {
    for (const number of [4, 5]) bench.write(number)
    // As recycled segments are in pg_wal.
    writeFileSync(join(bench.directory, foreign), pagedSegment(3))
    for (let run = 1; run <= 2; run += 1) {
      expect((await bench.drain()).archivedLsn).toBe('0/600000')
      expect(bench.files).toEqual([segmentName(5), foreign])
    }
  })

  it('is the open segment behind the newest confirmed one, which then need not stay', async () => {
    for (const number of [4, 5]) bench.write(number)
    const foreign = segmentName(40)
    writeFileSync(join(bench.directory, foreign), pagedSegment(3))
    writeFileSync(join(bench.directory, `${segmentName(6)}.partial`), '')
    await bench.drain()
    expect(bench.files).toEqual([`${segmentName(6)}.partial`, foreign])
  })

  it('is the newest confirmed segment in whatever order they are confirmed', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    bench.storage.script = async ({ operation, key }) => {
      if (operation === 'put' && key === bench.key(4)) {
        await until(() => bench.storage.objects.has(bench.key(6)), 'the others are stored')
      }
    }
    await bench.drain()
    expect(bench.files).toEqual([segmentName(6)])
  })
})

describe('a segment that comes whole while it is being received', () => {
  const partial = `${segmentName(4)}.partial`
  const damaged = (): boolean => existsSync(join(bench.directory, '.walr', 'damaged'))

  it.each([0, 1000])(
    'leaves both its files alone until receiving has gone on, keepLocal: %i ms',
    async (keepLocalMs) => {
      for (const number of [4, 5]) bench.write(number)
      writeFileSync(join(bench.directory, partial), 'being written')
      for (let run = 1; run <= 2; run += 1) {
        expect((await bench.drain({ keepLocalMs })).archivedCount).toBeGreaterThan(0)
        await later(2000)
        await bench.drain({ keepLocalMs })
        expect(bench.files).toEqual([segmentName(4), partial, segmentName(5)])
        expect(readFileSync(join(bench.directory, partial), 'utf8')).toBe('being written')
        expect(damaged()).toBe(false)
        if (run === 1) bench.write(4)
      }
      writeFileSync(join(bench.directory, `${segmentName(6)}.partial`), '')
      await bench.drain({ keepLocalMs })
      await later(2000)
      await bench.drain({ keepLocalMs })
      expect(bench.files).toEqual([`${segmentName(6)}.partial`])
      expect(damaged()).toBe(true)
    },
  )
})

describe('a clock that was ahead', () => {
  it('does not keep files longer than from now on', async () => {
    for (const number of [4, 5]) bench.write(number)
    for (const number of [4, 5]) bench.storage.objects.set(bench.key(number), pagedSegment(number))
    await markThere(4, -4000 * DAY_MS)
    for (let run = 1; run <= 2; run += 1) {
      await bench.drain(keep)
      expect(bench.files).toEqual([segmentName(4), segmentName(5)])
      await later(DAY_MS / 2 + 60_000)
    }
    await bench.drain(keep)
    expect(bench.files).toEqual([segmentName(5)])
    expect(bench.storage.count('get', segmentName(4))).toBe(0)
  })

  it.each([0, 1000])('and is set back while walr runs changes nothing, keepLocal: %i ms', async (keepLocalMs) => {
    bench.write(4)
    const archiver = bench.make({ keepLocalMs })
    const running = archiver.run(bench.stop.signal)
    await until(() => archiver.status.archivedCount === 1, 'the confirmation')
    bench.clock.setBack(DAY_MS)
    writeFileSync(join(bench.directory, `${segmentName(5)}.partial`), '')
    archiver.hint()
    await until(() => !bench.files.includes(segmentName(4)), 'the removal')
    archiver.drain()
    await running
  })
})

describe('a kill', () => {
  it('after the confirmation and before the marker costs one comparison', async () => {
    for (const number of [4, 5]) bench.write(number)
    bench.storage.objects.set(bench.key(4), pagedSegment(4))
    await bench.drain(keep)
    expect(bench.storage.count('get', segmentName(4))).toBe(1)
    expect(markers()).toHaveLength(2)
    expect(bench.files).toHaveLength(2)
  })

  it('while the marker was written costs one comparison', async () => {
    for (const number of [4, 5]) bench.write(number)
    bench.storage.objects.set(bench.key(4), pagedSegment(4))
    const withoutFile = `${new Date(bench.clock.nowMs()).toISOString()}\nthe-archive\n`
    for (const text of ['', '2026-', 'junk', '\0\0\0\0', withoutFile]) {
      mark(4, text)
      writeFileSync(join(bench.directory, CONFIRMED_FOLDER, `${segmentName(4)}.tmp`), '2026')
      await bench.drain(keep)
      expect(bench.files).toHaveLength(2)
      expect(markers()).toContain(segmentName(4))
    }
    expect(bench.storage.count('get', segmentName(4))).toBe(5)
  })

  it('after the marker and before the removal: the next run removes the file when it is time', async () => {
    for (const number of [4, 5]) bench.write(number)
    for (const number of [4, 5]) bench.storage.objects.set(bench.key(number), pagedSegment(number))
    await markThere(4, 2 * DAY_MS)
    await bench.drain(keep)
    expect(bench.files).toEqual([segmentName(5)])
    expect(bench.storage.count('get', segmentName(4))).toBe(0)
  })

  it('after the removal and before the marker’s leaves nothing behind', async () => {
    bench.write(5)
    await markThere(4)
    await bench.drain(keep)
    expect(markers()).toEqual([segmentName(5)])
  })
})

describe('other WAL under the name of a confirmed segment', () => {
  const expectQuarantined = (...numbers: number[]): void => {
    for (const number of numbers) {
      expect(bench.storage.objects.get(bench.key(number))?.equals(pagedSegment(number))).toBe(true)
      expect(local(number).equals(pagedSegment(number, 1, 7)), String(number)).toBe(true)
    }
  }

  it('that came while walr was stopped is compared, and stays', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    await bench.drain(keep)
    for (const number of [4, 5]) replace(number)
    await later(2 * DAY_MS)
    const status = await bench.drain(keep)
    expect(status).toMatchObject({ quarantined: [segmentName(4), segmentName(5)], archivedLsn: '0/400000' })
    expectQuarantined(4, 5)
    expect(markers()).toEqual([segmentName(6)])
  })

  it('that comes before the archive has answered is compared, and stays', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    await bench.drain(keep)
    for (const number of [4, 5, 6]) rmSync(join(bench.directory, segmentName(number)))
    await later(2 * DAY_MS)
    let received = false
    bench.storage.script = ({ key }) => {
      if (received || !key.endsWith('identity.json')) return
      received = true
      for (const number of [4, 5]) replace(number)
    }
    // What it asks the archive for first.
    bench.write(7)
    await bench.drain(keep)
    await bench.drain(keep)
    expect(received).toBe(true)
    expectQuarantined(4, 5)
  })

  it.each([
    ['kept', DAY_MS],
    ['the newest', 0],
  ])('that comes while walr runs is not removed when the confirmed one was %s', async (_, keepLocalMs) => {
    bench.write(4)
    const archiver = bench.make({ keepLocalMs })
    const running = archiver.run(bench.stop.signal)
    await until(() => archiver.status.archivedCount === 1, 'the confirmation')
    replace(4)
    bench.write(5)
    await later(keepLocalMs)
    archiver.hint()
    await until(() => archiver.status.quarantined.length === 1, 'the quarantine')
    bench.stop.abort(new DOMException('enough', 'AbortError'))
    await running
    expectQuarantined(4)
  })

  it('that comes while the segment is being stored is compared, and stays', async () => {
    for (const number of [4, 5]) bench.write(number)
    bench.storage.script = ({ operation, key }) => {
      if (operation === 'put' && key === bench.key(4)) replace(4)
    }
    const status = await bench.drain()
    expect(status.quarantined).toEqual([segmentName(4)])
    expectQuarantined(4)
  })

  it('is not taken for it once a scan has not found the confirmed one', async () => {
    bench.write(4)
    await markThere(4)
    const confirmed = new ConfirmedFiles({ ...keep, disk, directory: bench.directory, logger: bench.logger })
    await confirmed.load()
    expect(confirmed.has(segmentName(4))).toBe(true)
    await confirmed.sweep({ entries: [], unfinished: [] }, bench.clock.nowMs())
    expect(confirmed.has(segmentName(4))).toBe(false)
    expect(confirmed.isUnproven).toBe(false)
    expect(markers()).toEqual([])
  })

  it('that was copied with the time of the confirmed one is compared, and stays', async () => {
    for (const number of [4, 5]) bench.write(number)
    const at = new Date('2026-11-20T00:00:00Z')
    utimesSync(join(bench.directory, segmentName(4)), at, at)
    await bench.drain(keep)
    replace(4)
    utimesSync(join(bench.directory, segmentName(4)), at, at)
    expect((await bench.drain(keep)).quarantined).toEqual([segmentName(4)])
    expectQuarantined(4)
  })

  it('is not looked for when the file cannot be looked at: it stays until it can', async () => {
    for (const number of [4, 5]) bench.write(number)
    await bench.drain(keep)
    await later(2 * DAY_MS)
    const heal = disk.on({ operation: 'stat', pathPattern: /[0-9A-F]{24}$/ }, { error: 'EIO' })
    await bench.drain({ ...keep, disk })
    expect(bench.files).toEqual([segmentName(4), segmentName(5)])
    heal()
    for (let run = 1; run <= 2; run += 1) {
      await bench.drain({ ...keep, disk })
      await later(2 * DAY_MS)
    }
    expect(bench.files).toEqual([segmentName(5)])
  })
})

describe('a disk that fails', () => {
  it.each<[string, FaultMatch]>([
    ['a folder for markers cannot be made', { operation: 'makeDirectory', pathPattern: /archived$/ }],
    ['the folder of markers cannot be listed', { operation: 'list', pathPattern: /archived$/ }],
    ['a marker cannot be opened', { operation: 'open', pathPattern: /archived/ }],
    ['a marker cannot be read', { operation: 'read', pathPattern: /archived/ }],
    ['a marker cannot be written', { operation: 'write', pathPattern: /archived/ }],
    ['a marker cannot be renamed', { operation: 'rename', pathPattern: /archived/ }],
    ['a marker cannot be removed', { operation: 'remove', pathPattern: /archived/ }],
    ['a segment cannot be removed', { operation: 'remove', pathPattern: /[0-9A-F]{24}$/ }],
  ])('does not stop the archiving when %s', async (_, match) => {
    for (const number of [4, 5, 6]) bench.write(number)
    // One of an earlier time that is gone, and one that is still there.
    await markThere(3)
    bench.storage.objects.set(bench.key(4), pagedSegment(4))
    await markThere(4)
    const heal = disk.on(match, { error: 'EIO' })
    for (const keepLocalMs of [DAY_MS, 0]) {
      await bench.drain({ disk, keepLocalMs })
      for (const number of [4, 5, 6]) expect(bench.storage.objects.has(bench.key(number))).toBe(true)
      expectNothingLost([4, 5, 6])
      expect(bench.files).toContain(segmentName(6))
    }
    heal()
    await bench.drain({ disk })
    await bench.drain({ disk })
    expect(bench.files).toEqual([segmentName(6)])
  })

  it('says so when the directory cannot be listed, and goes on when it can', async () => {
    for (const number of [4, 5]) bench.write(number)
    const heal = disk.on({ operation: 'list' }, { error: 'EACCES' })
    const status = await bench.drain({ disk })
    expect(status.lastError).toMatchObject({ code: 'WALR_DIRECTORY', attempts: 1 })
    expect(bench.storage.calls).toEqual([])
    heal()
    expect(await bench.drain({ disk })).toMatchObject({ archivedCount: 2 })
  })
})
