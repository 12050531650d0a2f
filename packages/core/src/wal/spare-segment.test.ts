import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { until } from './recording.fixture.ts'
import { SpareSegments, type SpareSegment } from './spare-segment.ts'
import { SEGMENT } from './wal-bytes.fixture.ts'

let directory: string
let disk: FaultDisk
let taken: SpareSegment[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-spare-'))
  disk = new FaultDisk(nodeDisk)
  taken = []
})
afterEach(async () => {
  for (const { file, direct } of taken) await Promise.all([file.close(), direct?.close()])
  rmSync(directory, { recursive: true, force: true })
})
const spares = (sync = true): SpareSegments =>
  new SpareSegments({ disk, directory, walSegmentSize: SEGMENT, fileMode: 0o640, sync, direct: sync })
const take = async (from: SpareSegments, zeroed: boolean): Promise<SpareSegment> => {
  const spare = await from.take(zeroed)
  taken.push(spare)
  return spare
}
const files = (): readonly string[] => readdirSync(directory)
const done = (operation: string): number => disk.operations.filter((each) => each.operation === operation).length

describe('a spare segment', () => {
  it.each([true, false])('has the size of a segment, reads as zeros, and is synced (zeroed: %s)', async (zeroed) => {
    const spare = await take(spares(), zeroed)
    expect(readFileSync(spare.path).equals(Buffer.alloc(SEGMENT))).toBe(true)
    expect(spare.zeroed).toBe(zeroed)
    expect(disk.operations.at(-2)).toMatchObject({ operation: 'sync', path: spare.path })
    expect(disk.operations.at(-1)).toMatchObject({ operation: 'open', path: spare.path, how: 'direct' })
    expect(statSync(spare.path).mode & 0o037).toBe(0)
    expect(statSync(spare.path).blocks >= SEGMENT / 512).toBe(zeroed)
  })

  it('is prepared once, and is the one that is taken', async () => {
    const prepared = spares()
    prepared.prepare(true)
    prepared.prepare(true)
    await until(() => done('sync') === 1, 'the spare is prepared')
    const before = files()
    expect(before).toHaveLength(1)
    const spare = await take(prepared, true)
    expect(spare.path).toBe(join(directory, before[0] ?? ''))
    expect((await take(prepared, true)).path).not.toBe(spare.path)
  })

  it('that is sparse is thrown away where a zeroed one is wanted, but not the other way round', async () => {
    const prepared = spares()
    prepared.prepare(false)
    const spare = await take(prepared, true)
    expect(spare.zeroed).toBe(true)
    expect(files()).toHaveLength(1)
    prepared.prepare(true)
    expect((await take(prepared, false)).zeroed).toBe(true)
  })

  it('that could not be prepared is made anew when it is taken', async () => {
    disk.on({ operation: 'write', nth: 1 }, { error: 'ENOSPC' })
    const prepared = spares()
    prepared.prepare(true)
    await take(prepared, true)
    expect(files()).toHaveLength(1)
  })

  it.each([
    ['write', 'ENOSPC', { code: 'ENOSPC' }],
    ['truncate', 'ENOSPC', { code: 'ENOSPC' }],
    ['sync', 'EIO', { code: 'WALR_FSYNC_FAILED' }],
    ['dataSync', 'EIO', { code: 'WALR_FSYNC_FAILED' }],
  ] as const)('leaves no file behind when %s fails with %s', async (operation, error, expected) => {
    disk.on({ operation }, { error })
    await expect(spares().take(true)).rejects.toMatchObject(expected)
    expect(files()).toEqual([])
    expect(done('close')).toBe(1)
  })

  it('that is not used is removed in the end, also when it is only half made', async () => {
    const prepared = spares()
    disk.on({ operation: 'write' }, { delayMs: 20 })
    prepared.prepare(true)
    await prepared.close()
    expect(files()).toEqual([])
    prepared.prepare(true)
    await prepared.close()
    expect(files()).toEqual([])
  })

  it('of an earlier run is removed, and nothing else', async () => {
    for (const name of ['spare-1-1', 'spare-99-3.gz', 'identity.json', 'lock'])
      writeFileSync(join(directory, name), 'x')
    await spares().removeLeftovers()
    expect([...files()].sort()).toEqual(['identity.json', 'lock'])
  })

  it('is not synced without sync', async () => {
    await take(spares(false), true)
    expect(done('sync') + done('dataSync')).toBe(0)
  })
})
