import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withForbiddenLink } from '../disk/forbidden-link.fixture.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { until } from '../wal/recording.fixture.ts'
import { CLUSTER, segmentName } from '../wal/wal-bytes.fixture.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'

let bench: ArchiverBench
beforeEach(() => {
  bench = new ArchiverBench()
})
afterEach(() => bench.dispose())

describe('the archiver', () => {
  it('archives finished segments, removes all but the newest, and says how far the archive is', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    const status = await bench.drain()
    for (const number of [4, 5, 6])
      expect(bench.storage.objects.get(bench.key(number))?.equals(pagedSegment(number))).toBe(true)
    expect(bench.files).toEqual([segmentName(6)])
    expect(status).toMatchObject({ archivedLsn: '0/700000', archivedCount: 3, backlog: { files: 0, bytes: 0 } })
  })

  it('needs one put for a segment, and asks the archive about nothing else but once for the one before', async () => {
    for (const number of [4, 5, 6, 7]) bench.write(number)
    await bench.drain()
    expect(bench.storage.count('put', '/wal/')).toBe(4)
    expect(bench.storage.count('put')).toBe(5)
    expect(bench.storage.count('get')).toBe(0)
    expect(bench.storage.count('head')).toBe(0)
    const listings = bench.storage.count('list')
    bench.write(8)
    bench.write(9)
    await bench.drain()
    expect(bench.storage.count('put', segmentName(8))).toBe(1)
    expect(listings).toBeGreaterThan(0)
  })

  it('removes the newest segment as soon as there is a newer one, finished or not', async () => {
    bench.write(4)
    await bench.drain()
    expect(bench.files).toEqual([segmentName(4)])
    writeFileSync(join(bench.directory, `${segmentName(5)}.partial`), '')
    await bench.drain()
    expect(bench.files).toEqual([`${segmentName(5)}.partial`])
  })

  it('leaves partial segments and files that are not WAL alone', async () => {
    const foreign = [
      'notes.txt',
      `${segmentName(3)}.partial`,
      `${segmentName(2)}.backup`,
      `${segmentName(2)}.tmp`,
      'walr.config.yaml',
    ]
    for (const name of foreign) writeFileSync(join(bench.directory, name), 'mine')
    mkdirSync(join(bench.directory, segmentName(9)))
    bench.write(4)
    bench.write(5)
    await bench.drain()
    expect(bench.files).toEqual([...foreign, segmentName(5), segmentName(9)].toSorted())
    expect([...bench.storage.objects.keys()]).toEqual([`main/${CLUSTER}/identity.json`, bench.key(4), bench.key(5)])
  })

  it('goes on beside a foreign link that nobody can follow, and not beside one with the name of WAL', async () => {
    for (const number of [4, 5]) bench.write(number)
    const stopped = await bench.drain({ disk: withForbiddenLink(bench.directory, segmentName(6)) })
    expect(stopped.lastError).toMatchObject({
      code: 'WALR_DIRECTORY',
      message: expect.stringContaining(segmentName(6)) as unknown,
    })
    expect(bench.files).toEqual([segmentName(4), segmentName(5)])
    const status = await bench.drain({ disk: withForbiddenLink(bench.directory, 'notes') })
    expect(status).toMatchObject({ archivedCount: 2, lastError: undefined })
    expect(bench.files).toEqual([segmentName(5)])
  })

  it('does not leave an unfinished file of a segment that it removes: it would say where receiving goes on', async () => {
    bench.write(4)
    writeFileSync(join(bench.directory, `${segmentName(4)}.partial`), 'from before --compress')
    writeFileSync(join(bench.directory, `${segmentName(5)}.gz.partial`), '')
    await bench.drain()
    expect(bench.files).toEqual([`${segmentName(5)}.gz.partial`])
    expect(existsSync(join(bench.directory, '.walr', 'damaged', `${segmentName(4)}.partial`))).toBe(true)
  })

  it('takes the same bytes under the name for success', async () => {
    bench.write(4)
    bench.write(5)
    bench.storage.objects.set(bench.key(4), pagedSegment(4))
    const status = await bench.drain()
    expect(status).toMatchObject({ archivedLsn: '0/600000', quarantined: [] })
    expect(bench.files).toEqual([segmentName(5)])
  })

  it('puts other bytes under the name into quarantine, keeps the file, and goes on behind it', async () => {
    bench.write(4, 1, 7)
    bench.write(5)
    bench.write(6)
    bench.storage.objects.set(bench.key(4), pagedSegment(4))
    const status = await bench.drain()
    expect(bench.storage.objects.get(bench.key(4))).toEqual(pagedSegment(4))
    const quarantined = [...bench.storage.objects.keys()].filter((key) => key.includes('/quarantine/'))
    expect(quarantined).toEqual([expect.stringMatching(new RegExp(`/quarantine/${segmentName(4)}-[0-9a-f]{32}$`))])
    expect(bench.storage.objects.get(quarantined[0] ?? '')).toEqual(pagedSegment(4, 1, 7))
    expect(bench.files).toEqual([segmentName(4), segmentName(6)])
    expect(status).toMatchObject({ archivedLsn: '0/400000', quarantined: [segmentName(4)] })
    expect(bench.logger.lines.filter((line) => line.startsWith('error:'))).toEqual([
      `error: the archive has other WAL under the name of segment "${segmentName(4)}"`,
    ])
  })

  it('does not remove a file when the storage confirms another size or checksum', async () => {
    for (const wrong of [{ size: 7 }, { checksum: { algorithm: 'md5', value: '0'.repeat(32) } as const }]) {
      bench.write(4)
      writeFileSync(join(bench.directory, `${segmentName(5)}.partial`), '')
      bench.storage.objects.delete(bench.key(4))
      bench.storage.confirm = (confirmation) =>
        confirmation.size < 10_000 ? confirmation : { ...confirmation, ...wrong }
      const status = await bench.drain()
      expect(status.lastError?.code).toBe('WALR_ARCHIVE_UNCONFIRMED')
      expect(bench.files).toContain(segmentName(4))
    }
  })

  it('does not upload a segment with a damaged page, says so, and archives the others', async () => {
    const bytes = pagedSegment(4)
    bytes.writeUInt8(1, 8192 * 17 + 9)
    writeFileSync(join(bench.directory, segmentName(4)), bytes)
    bench.write(5)
    bench.write(6)
    const status = await bench.drain()
    expect(bench.storage.objects.has(bench.key(4))).toBe(false)
    expect(bench.storage.objects.has(bench.key(5))).toBe(true)
    expect(bench.files).toEqual([segmentName(4), segmentName(6)])
    expect(status).toMatchObject({ archivedLsn: '0/400000', lastError: { code: 'WALR_SEGMENT_CORRUPT' } })
  })

  it('refuses an archive of another cluster and uploads nothing', async () => {
    bench.write(4)
    const identity = { format: 1, systemIdentifier: '1', walSegmentSize: 1_048_576 }
    bench.storage.objects.set(`main/${CLUSTER}/identity.json`, Buffer.from(JSON.stringify(identity)))
    const status = await bench.drain()
    expect(status.lastError?.code).toBe('WALR_ARCHIVE_WRONG_CLUSTER')
    expect(status.state).toBe('stopped')
    expect(bench.storage.count('put', '/wal/')).toBe(0)
  })

  it('keeps confirmed segments for keepLocal, also over a restart, and compares none of them again', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    await bench.drain({ keepLocalMs: 60_000 })
    expect(bench.files).toHaveLength(3)
    const about = (): number => bench.storage.calls.filter(({ key }) => !key.endsWith('identity.json')).length
    const calls = about()
    await bench.drain({ keepLocalMs: 60_000 })
    expect(bench.files).toHaveLength(3)
    expect(about()).toBe(calls)
    await bench.clock.wait(61_000, bench.stop.signal)
    await bench.drain({ keepLocalMs: 60_000 })
    expect(bench.files).toEqual([segmentName(6)])
  })

  it('archives histories and gap records, and keeps the files', async () => {
    mkdirSync(join(bench.directory, '.walr', 'gaps'), { recursive: true })
    const gap = '0000000000300000-0000000000400000.json'
    writeFileSync(join(bench.directory, '.walr', 'gaps', gap), '{}')
    writeFileSync(join(bench.directory, '00000002.history'), '1\t0/400000\tno reason\n')
    await bench.drain()
    expect(bench.storage.objects.get(`main/${CLUSTER}/history/00000002.history`)?.toString()).toContain('no reason')
    expect(bench.storage.objects.has(`main/${CLUSTER}/gaps/${gap}`)).toBe(true)
    expect(bench.files).toEqual(['00000002.history'])
    expect(existsSync(join(bench.directory, '.walr', 'gaps', gap))).toBe(true)
  })

  it('reports and records WAL that is neither in the archive nor in the directory', async () => {
    bench.storage.objects.set(bench.key(3), pagedSegment(3))
    bench.write(7)
    bench.write(8)
    await bench.drain()
    await bench.drain()
    const gap = `main/${CLUSTER}/gaps/0000000000400000-0000000000700000.json`
    expect(JSON.parse(bench.storage.objects.get(gap)?.toString() ?? '')).toMatchObject({
      startLsn: '0/400000',
      endLsn: '0/700000',
    })
    expect(bench.logger.lines.filter((line) => line.includes('WAL is missing'))).toHaveLength(1)
  })

  it('reports a segment that vanishes before it was archived', async () => {
    writeFileSync(join(bench.directory, segmentName(4)), Buffer.alloc(1_048_576, 1))
    bench.write(5)
    bench.write(6)
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.archivedCount === 2, '5 and 6 are archived')
    rmSync(join(bench.directory, segmentName(4)))
    archiver.hint()
    await until(() => bench.status?.backlog.files === 0, 'the directory was looked at')
    bench.write(7)
    archiver.hint()
    const missing = 'WAL is missing: 0/400000 to 0/500000'
    await until(() => bench.logger.lines.some((line) => line.includes(missing)), 'it is reported')
    archiver.drain()
    await running
    await bench.drain()
    expect(bench.storage.objects.has(`main/${CLUSTER}/gaps/0000000000400000-0000000000500000.json`)).toBe(true)
  })

  it('does not take a damaged segment for lost that is being received again', async () => {
    writeFileSync(join(bench.directory, segmentName(6)), Buffer.alloc(1_048_576, 1))
    for (const number of [4, 5]) bench.write(number)
    const archiver = bench.make()
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.status?.archivedCount === 2, '4 and 5 are archived')
    renameSync(join(bench.directory, segmentName(6)), join(bench.directory, '.walr', 'damaged'))
    writeFileSync(join(bench.directory, `${segmentName(6)}.partial`), '')
    archiver.hint()
    await until(() => bench.status?.backlog.files === 0, 'the directory was looked at')
    rmSync(join(bench.directory, `${segmentName(6)}.partial`))
    for (const number of [6, 7]) bench.write(number)
    archiver.drain()
    await running
    expect(bench.status).toMatchObject({ archivedCount: 4, gapCount: 0, archivedLsn: '0/800000' })
    expect(bench.logger.lines.filter((line) => line.includes('missing'))).toEqual([])
  })

  it('says nothing of a gap where the archive begins, or continues a parent timeline', async () => {
    bench.storage.objects.set(bench.key(3), pagedSegment(3))
    writeFileSync(join(bench.directory, '00000002.history'), '1\t0/4000A0\tno reason\n')
    bench.write(4, 2)
    bench.write(5, 2)
    await bench.drain()
    expect(bench.logger.lines.filter((line) => line.includes('missing'))).toEqual([])
    expect(bench.storage.objects.has(bench.key(5, 2))).toBe(true)
  })

  it('tries the others when the storage refuses one file for good', async () => {
    for (const number of [4, 5, 6]) bench.write(number)
    bench.storage.script = ({ operation, key }) => {
      if (operation === 'put' && key === bench.key(4)) throw new StorageError('Permanent', 'this one never')
    }
    const status = await bench.drain()
    expect(status).toMatchObject({
      archivedLsn: '0/400000',
      archivedCount: 2,
      lastError: { code: 'WALR_ARCHIVE_REFUSED' },
    })
    expect(bench.files).toEqual([segmentName(4), segmentName(6)])
  })

  it('ends a drain at once while the storage is away', async () => {
    bench.write(4)
    bench.storage.script = () => {
      throw new StorageError('Transient', 'connection refused')
    }
    const status = await bench.drain()
    expect(bench.storage.calls).toHaveLength(1)
    expect(status.backlog).toMatchObject({ files: 1, bytes: 1_048_576 })
    expect(bench.files).toEqual([segmentName(4)])
  })
})

describe('an hour without the storage', () => {
  it('costs few attempts and no memory, and then everything is archived once', async () => {
    const count = 200
    for (let number = 1; number <= count; number += 1) bench.write(number)
    const startMs = bench.clock.nowMs()
    bench.clock.graceMs = 5
    const hourMs = 3_600_000
    bench.storage.script = () => {
      if (bench.clock.nowMs() - startMs < hourMs) throw new StorageError('Transient', 'connect ECONNREFUSED')
      bench.clock.graceMs = 1000
    }
    const archiver = bench.make({ onStatus: (status) => (bench.status = status) })
    const running = archiver.run(bench.stop.signal)
    const handles: number[] = []
    const heap: number[] = []
    while ((bench.status?.archivedCount ?? 0) < count) {
      await new Promise((resolve) => setImmediate(resolve))
      if (bench.storage.calls.length > handles.length) {
        handles.push(process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate').length)
        heap.push(process.memoryUsage().external)
      }
    }
    archiver.drain()
    await running
    const attempts = bench.storage.calls.filter((call) => call.key.endsWith('identity.json')).length
    expect(attempts).toBeGreaterThan(30)
    expect(attempts).toBeLessThan(120)
    for (let number = 1; number <= count; number += 1) {
      expect(bench.storage.count('put', segmentName(number))).toBe(1)
      expect(bench.storage.objects.get(bench.key(number))?.equals(pagedSegment(number))).toBe(true)
    }
    const duringOutage = handles.slice(2, attempts - 2)
    expect(Math.max(...duringOutage) - Math.min(...duringOutage)).toBeLessThan(10)
    expect(Math.max(...heap.slice(2, attempts - 2)) - (heap[2] ?? 0)).toBeLessThan(32 * 1_048_576)
    expect(bench.logger.lines.filter((line) => line.startsWith('warning:')).length).toBeLessThan(10)
    expect(bench.logger.lines.join('\n')).toContain('the archive takes WAL again after')
    expect(bench.files).toEqual([segmentName(count)])
    expect(readFileSync(join(bench.directory, segmentName(count))).equals(pagedSegment(count))).toBe(true)
  }, 60_000)
})
