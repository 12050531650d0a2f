import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { provesIdentity } from './identity-proof.ts'
import { CLUSTER, OTHER_CLUSTER, SEGMENT, segmentBytes, segmentName } from './wal-bytes.fixture.ts'
import { toWalSegmentSize } from './wal-segment-size.ts'

let directory: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-identity-proof-'))
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

const write = (fileName: string, bytes: Buffer): void => writeFileSync(join(directory, fileName), bytes)
const proves = (systemIdentifier = CLUSTER, walSegmentSize = SEGMENT): Promise<boolean> =>
  provesIdentity(disk, directory, { systemIdentifier, walSegmentSize })

it.each<[string, Buffer]>([
  ['', segmentBytes(5)],
  ['.gz', gzipSync(segmentBytes(5))],
])('a finished segment (suffix "%s") proves whose WAL it is, and nothing else', async (suffix, bytes) => {
  write(segmentName(5) + suffix, bytes)
  expect(await proves()).toBe(true)
  expect(await proves(OTHER_CLUSTER)).toBe(false)
  expect(await proves(CLUSTER, toWalSegmentSize(2 * SEGMENT))).toBe(false)
})

it('a directory without a finished segment proves nothing', async () => {
  expect(await proves()).toBe(false)
  write(`${segmentName(5)}.partial`, segmentBytes(5))
  write('00000002.history', Buffer.from('1\t0/500000\tx\n'))
  expect(await proves()).toBe(false)
})

it('a damaged segment proves nothing, and another one beside it does', async () => {
  write(segmentName(6), segmentBytes(6).subarray(0, 1000))
  write(segmentName(7), Buffer.alloc(SEGMENT))
  expect(await proves()).toBe(false)
  write(segmentName(5), segmentBytes(5))
  expect(await proves()).toBe(true)
})

it('names that only segments of another size have prove that it is another one', async () => {
  write('0000000100000000000000FF', segmentBytes(5))
  expect(await proves(CLUSTER, toWalSegmentSize(1024 * SEGMENT))).toBe(false)
})

it('what cannot be read proves nothing', async () => {
  write(segmentName(5), segmentBytes(5))
  disk.on({ operation: 'read' }, { error: 'EIO' })
  expect(await proves()).toBe(false)
  disk.on({ operation: 'list' }, { error: 'EACCES' })
  expect(await proves()).toBe(false)
})
