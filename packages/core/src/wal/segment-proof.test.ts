import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { parseSegmentEntry } from './segment-directory.ts'
import { segmentFault } from './segment-proof.ts'
import { CLUSTER, OTHER_CLUSTER, SEGMENT, segmentBytes, segmentName } from './wal-bytes.fixture.ts'

let directory: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-proof-'))
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const wal = segmentBytes(5)
const name = segmentName(5)
async function faultOf(suffixes: string, bytes: Buffer): Promise<string | undefined> {
  writeFileSync(join(directory, name + suffixes), bytes)
  const entry = parseSegmentEntry(name + suffixes, SEGMENT) ?? expect.unreachable()
  return segmentFault(disk, directory, entry, { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT })
}

describe('a finished segment', () => {
  it.each<[string, Buffer]>([
    ['', wal],
    ['.gz', gzipSync(wal)],
    ['.zst', zstdCompressSync(wal)],
  ])('%s that is whole has no fault', async (suffix, bytes) => {
    expect(await faultOf(suffix, bytes)).toBeUndefined()
  })

  it.each<[string, string, Buffer, string]>([
    ['of another size', '', wal.subarray(0, 1000), `segment file "${name}" has incorrect size 1000`],
    ['that is empty', '', Buffer.alloc(0), `segment file "${name}" has incorrect size 0`],
    ['that is too long', '', Buffer.concat([wal, wal]), `segment file "${name}" has incorrect size ${2 * SEGMENT}`],
    [
      'that decodes to another size',
      '.gz',
      gzipSync('walr'),
      `compressed segment file "${name}.gz" has incorrect uncompressed size 4`,
    ],
    [
      'of another place',
      '',
      segmentBytes(6),
      `segment file "${name}" starts at 0/600000 by its page header, not at 0/500000`,
    ],
    ['of a later timeline', '', segmentBytes(5, CLUSTER, 2), `segment file "${name}" was written on timeline 2`],
    ['that is padding', '', Buffer.alloc(SEGMENT), `segment file "${name}" holds only zeros`],
    ['that is no WAL', '', Buffer.alloc(SEGMENT, 'x'), `segment file "${name}" is not WAL`],
    ['that is cut', '.gz', gzipSync(wal).subarray(0, -9), `segment file "${name}.gz" is damaged: `],
    ['that is garbage', '.gz', Buffer.alloc(100, 7), `segment file "${name}.gz" is damaged: `],
    [
      'that has bytes behind it',
      '.gz',
      Buffer.concat([gzipSync(wal), Buffer.from('x')]),
      `segment file "${name}.gz" is damaged: `,
    ],
    [
      'that only ends as it should',
      '.gz',
      Buffer.from([0, 0, 0, 0, 0, 0, 0x10, 0]),
      `segment file "${name}.gz" is damaged: `,
    ],
  ])('%s (%s) has a fault that says so', async (_, suffix, bytes, expected) => {
    expect(await faultOf(suffix, bytes)).toContain(expected)
  })

  it.each(['', '.gz'])('%s of another cluster is refused, not skipped', async (suffix) => {
    const bytes = segmentBytes(5, OTHER_CLUSTER)
    await expect(faultOf(suffix, suffix === '' ? bytes : gzipSync(bytes))).rejects.toMatchObject({
      code: 'WALR_WRONG_CLUSTER',
      message: `"${join(directory, name + suffix)}" belongs to the cluster with system identifier ${OTHER_CLUSTER}, the server's is ${CLUSTER}`,
    })
  })

  it('may be written on an older timeline than its name says', async () => {
    const entry = parseSegmentEntry(segmentName(5, 2), SEGMENT) ?? expect.unreachable()
    writeFileSync(join(directory, entry.fileName), wal)
    const expected = { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT }
    expect(await segmentFault(disk, directory, entry, expected)).toBeUndefined()
  })

  it('that cannot be read is no damaged one', async () => {
    disk.on({ operation: 'read' }, { error: 'EIO' })
    await expect(faultOf('', wal)).rejects.toMatchObject({ code: 'EIO' })
    await expect(faultOf('.gz', gzipSync(wal))).rejects.toMatchObject({ code: 'EIO' })
    const closed = disk.operations.filter(({ operation }) => operation === 'close')
    expect(closed).toHaveLength(2)
  })
})

describe('a partial segment', () => {
  it.each<[string, string, Buffer]>([
    ['that is padding', '.partial', Buffer.alloc(SEGMENT)],
    ['that is empty', '.partial', Buffer.alloc(0)],
    ['that is short', '.partial', wal.subarray(0, 1000)],
    ['that is cut', '.gz.partial', gzipSync(wal).subarray(0, 20_000)],
    ['that is garbage', '.gz.partial', Buffer.alloc(100, 7)],
    ['that holds nothing yet', '.gz.partial', Buffer.alloc(0)],
  ])('%s (%s) has no fault', async (_, suffixes, bytes) => {
    expect(await faultOf(suffixes, bytes)).toBeUndefined()
  })

  it.each(['.partial', '.gz.partial'])('of another cluster is refused (%s)', async (suffixes) => {
    const bytes = segmentBytes(5, OTHER_CLUSTER)
    const file = suffixes === '.partial' ? bytes : gzipSync(bytes).subarray(0, 20_000)
    await expect(faultOf(suffixes, file)).rejects.toMatchObject({ code: 'WALR_WRONG_CLUSTER' })
  })
})
