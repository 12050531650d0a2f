import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { ARCHIVE_MARK } from '../wal/archive-mark.ts'
import { until } from '../wal/recording.fixture.ts'
import { CLUSTER, segmentName } from '../wal/wal-bytes.fixture.ts'
import { ArchiverBench } from './archiver.fixture.ts'

let bench: ArchiverBench
let disk: FaultTreeDisk
beforeEach(() => {
  bench = new ArchiverBench()
  disk = new FaultTreeDisk(nodeDisk)
})
afterEach(() => bench.dispose())

const path = (): string => join(bench.directory, ARCHIVE_MARK)
const mark = (): string => readFileSync(path(), 'utf8')
const fill = (): (() => void) => disk.on({ operation: 'write', pathPattern: /\.walr/ }, { error: 'ENOSPC' })
const alarms = (): readonly string[] => bench.logger.lines.filter((line) => line.includes('is not the one'))
const archiveId = (): string =>
  /"archiveId": "([^"]+)"/.exec(bench.storage.objects.get(`main/${CLUSTER}/identity.json`)?.toString() ?? '')?.[1] ??
  expect.unreachable()

describe('the mark of a directory', () => {
  it('is made before the archive answers, so that it is there when the disk fills up meanwhile', async () => {
    bench.storage.script = () => {
      throw new StorageError('Transient', 'away')
    }
    bench.write(4)
    await bench.drain({ disk })
    expect(JSON.parse(mark())).toEqual({ format: 1, cluster: 'main' })

    fill()
    bench.storage.script = () => undefined
    for (const number of [5, 6]) bench.write(number)
    expect(await bench.drain({ disk })).toMatchObject({ archivedCount: 3, backlog: { files: 0 } })
    expect(bench.files).toEqual([segmentName(6)])
    expect(bench.logger.lines.filter((line) => /^(error|warning): .*archive\.json/.test(line))).toHaveLength(1)
  })

  it('is made on a disk that has been full all along, and says which archive it is as soon as there is room', async () => {
    const makeRoom = fill()
    for (const number of [4, 5]) bench.write(number)
    const archiver = bench.make({ disk })
    const running = archiver.run(bench.stop.signal)
    await until(() => bench.files.length === 1, 'what is archived makes room')
    expect(mark()).toBe('')
    makeRoom()
    await until(() => mark() !== '', 'the mark is complete')
    expect(JSON.parse(mark())).toMatchObject({ archiveId: archiveId() })
    archiver.drain()
    await running
    expect(alarms()).toEqual([])
  })

  it('keeps every segment where it is when there is no making it', async () => {
    disk.on({ operation: 'open', pathPattern: /archive\.json/ }, { error: 'EACCES' })
    for (const number of [4, 5]) bench.write(number)
    const status = await bench.drain({ disk })
    expect(bench.files).toEqual([segmentName(4), segmentName(5)])
    expect(bench.storage.count('put', '/wal/')).toBe(0)
    expect(status.lastError?.code).toBe('WALR_WRITE_FAILED')
  })

  it('tells another archive than before on a full disk, too, and again until that can be noted', async () => {
    bench.write(4)
    await bench.drain({ disk })
    bench.storage.objects.clear()
    const makeRoom = fill()
    for (const number of [5, 6]) bench.write(number)
    await bench.drain({ disk })
    expect(alarms()).toHaveLength(1)
    expect(bench.files).toEqual([segmentName(6)])
    bench.write(7)
    makeRoom()
    await bench.drain({ disk })
    expect(alarms()).toHaveLength(2)
    expect(JSON.parse(mark())).toMatchObject({ archiveId: archiveId() })
    bench.write(8)
    await bench.drain({ disk })
    expect(alarms()).toHaveLength(2)
  })
})
