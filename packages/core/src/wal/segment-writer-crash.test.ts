import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CompressionSpec } from './compression/compression-spec.ts'
import { decodeSegment } from './compression/segment-decoder.ts'
import { DiskRoom } from './disk-room.ts'
import { formatLsn, toLsn, type Lsn } from './lsn.ts'
import { PowerLossDisk, type Crash } from './power-loss-disk.fixture.ts'
import { readWholeFile } from './read-whole-file.ts'
import { RecordingLogger } from './recording.fixture.ts'
import { listSegments, type SegmentEntry } from './segment-directory.ts'
import { segmentFault } from './segment-proof.ts'
import { SegmentStore } from './segment-store.ts'
import { SegmentWriter } from './segment-writer.ts'
import { findStreamingStart } from './streaming-start.ts'
import { CLUSTER, SEGMENT, segmentLsn, segmentName, TIMELINE_1, walBytes } from './wal-bytes.fixture.ts'
import { segmentStartLsn } from './wal-file-name.ts'

const DIRECTORY = '/received'
const BASE = 4094 // the third segment is the one behind 2^32
const MESSAGES = [400_000, 131_072, 517_504, 1_200_000, 300_000, 131_072]
/** Each with two or three crashes; other ones in each run of the tests. */
const RUNS = 4
const none: CompressionSpec = { method: 'none' }

async function startOf(disk: PowerLossDisk): Promise<Lsn | undefined> {
  const server = { timelineId: TIMELINE_1, history: [] }
  const expected = { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT }
  const entries = await listSegments(disk, DIRECTORY, SEGMENT)
  const fault = (entry: SegmentEntry): Promise<string | undefined> => segmentFault(disk, DIRECTORY, entry, expected)
  return (await findStreamingStart(entries, server, SEGMENT, fault))?.startLsn
}

/** Receives as a session does; returns what was acknowledged when it ended, however it did. */
async function receive(disk: PowerLossDisk, compression: CompressionSpec, live: boolean): Promise<Lsn | undefined> {
  const logger = new RecordingLogger()
  const listener = { onFull: () => undefined, onRoom: () => undefined }
  const signal = new AbortController().signal
  const room = new DiskRoom({ disk, directory: DIRECTORY, listener, signal })
  const common = { disk, directory: DIRECTORY, walSegmentSize: SEGMENT, sync: true, logger, compression, room }
  const store = new SegmentStore({ ...common, fileMode: 0o600, flush: 'batch' })
  let writer: SegmentWriter | undefined
  try {
    const startLsn = (await startOf(disk)) ?? segmentLsn(BASE)
    await store.prepare()
    writer = new SegmentWriter(TIMELINE_1, startLsn, true, { ...common, store, onSegmentFinished: () => undefined })
    writer.live = live
    for (const [index, length] of MESSAGES.entries()) {
      const bytes = walBytes(writer.writtenLsn, length)
      await writer.write(bytes, 0, length)
      if (index % 2 === 0) await writer.flush(index % 4 === 0)
    }
    await writer.close()
  } catch (error) {
    // The crash comes out in as many ways as there are operations.
    if (!(error instanceof Error)) throw error
    await writer?.abandon()
  }
  await store.close().catch(() => undefined)
  return writer?.flushedLsn
}

async function segmentHeld(disk: PowerLossDisk, entry: SegmentEntry): Promise<Buffer> {
  const source = readWholeFile(disk, join(DIRECTORY, entry.fileName))
  const plain = entry.suffix === '' ? source : decodeSegment(entry.suffix, source, { tolerateCut: entry.partial })
  return Buffer.concat(await Array.fromAsync(plain))
}

/** Fails unless everything acknowledged is in the directory, and streaming would start at or before the first other byte. */
async function checkNothingLost(disk: PowerLossDisk, acknowledged: Lsn): Promise<void> {
  const entries = await listSegments(disk, DIRECTORY, SEGMENT)
  const startLsn = (await startOf(disk)) ?? segmentLsn(BASE)
  for (let number = BigInt(BASE); segmentStartLsn(number, SEGMENT) < acknowledged; number += 1n) {
    const first = segmentStartLsn(number, SEGMENT)
    const length = Number(acknowledged - first) < SEGMENT ? Number(acknowledged - first) : SEGMENT
    const expected = walBytes(first, length)
    const own = entries.filter((entry) => entry.segmentNumber === number)
    const held = await Promise.all(own.map((entry) => segmentHeld(disk, entry)))
    if (!held.some((bytes) => bytes.subarray(0, length).equals(expected))) {
      expect.fail(`${formatLsn(acknowledged)} was acknowledged, but ${own.map((e) => e.fileName).join()} lacks bytes`)
    }
  }
  for (let number = BigInt(BASE); segmentStartLsn(number, SEGMENT) < startLsn; number += 1n) {
    const finished = entries.find((entry) => entry.segmentNumber === number && !entry.partial)
    if (!finished) expect.fail(`streaming would start at ${formatLsn(startLsn)}, behind a segment that is not there`)
    const expected = walBytes(segmentStartLsn(number, SEGMENT), SEGMENT)
    expect((await segmentHeld(disk, finished)).equals(expected)).toBe(true)
  }
}

async function operationsOf(compression: CompressionSpec, live: boolean, direct: boolean): Promise<number> {
  const disk = new PowerLossDisk()
  disk.direct = direct
  const endLsn = toLsn(segmentLsn(BASE) + BigInt(MESSAGES.reduce((sum, length) => sum + length, 0)))
  expect(await receive(disk, compression, live)).toBe(endLsn)
  await checkNothingLost(disk, endLsn)
  return disk.count
}

describe.each<[string, CompressionSpec, boolean, number, boolean?]>([
  ['plain, catching up', none, false, 1],
  ['plain, live', none, true, 3],
  ['plain through the page cache, catching up', none, false, 1, false],
  ['plain through the page cache, live', none, true, 3, false],
  ['gzip', { method: 'gzip', level: 1 }, false, 13],
  ['lz4', { method: 'lz4', level: undefined }, false, 19],
  ['zstd', { method: 'zstd', level: 1 }, false, 19],
])('a crash (%s)', (_, compression, live, step, direct = true) => {
  it('at any operation loses nothing that was acknowledged', { timeout: 60_000 }, async () => {
    const count = await operationsOf(compression, live, direct)
    expect(count).toBeGreaterThan(30)
    for (let crashAt = 1; crashAt <= count; crashAt += step) {
      const disk = new PowerLossDisk(crashAt)
      disk.direct = direct
      const acknowledged = (await receive(disk, compression, live)) ?? segmentLsn(BASE)
      await checkNothingLost(disk.afterCrash('kill'), acknowledged)
      await checkNothingLost(disk.afterCrash('power'), acknowledged)
    }
  })

  it('in one run after the other loses nothing that was acknowledged', { timeout: 60_000 }, async () => {
    const count = await operationsOf(compression, live, direct)
    const crash = fc.tuple(fc.integer({ min: 1, max: count + 1 }), fc.constantFrom<Crash>('kill', 'power'))
    await fc.assert(
      fc.asyncProperty(fc.array(crash, { minLength: 2, maxLength: 3 }), async (crashes) => {
        let disk = new PowerLossDisk()
        disk.direct = direct
        let acknowledged = segmentLsn(BASE)
        let before: Crash = 'kill'
        for (const [crashAt, how] of crashes) {
          disk = disk.afterCrash(before, crashAt)
          const reached = await receive(disk, compression, live)
          if (reached !== undefined && reached > acknowledged) acknowledged = reached
          await checkNothingLost(disk.afterCrash('kill'), acknowledged)
          await checkNothingLost(disk.afterCrash('power'), acknowledged)
          before = how
        }
      }),
      { numRuns: RUNS },
    )
  })
})

describe('a crash of the machine after one of walr alone', () => {
  it('finds finished segments durable that were reported as flushed at the start', async () => {
    for (let crashAt = 1; crashAt <= 20; crashAt += 1) {
      const disk = new PowerLossDisk(crashAt)
      disk.put(join(DIRECTORY, segmentName(BASE)), walBytes(segmentLsn(BASE), SEGMENT), 'contents')
      const acknowledged = (await receive(disk, none, false)) ?? segmentLsn(BASE)
      await checkNothingLost(disk.afterCrash('power'), acknowledged)
    }
  })

  it('finds the earlier bytes of a compressed partial segment durable that the new file does not have yet', async () => {
    const partial = gzipSync(walBytes(segmentLsn(BASE), 900_000))
    for (let crashAt = 1; crashAt <= 40; crashAt += 1) {
      const disk = new PowerLossDisk(crashAt)
      disk.put(join(DIRECTORY, `${segmentName(BASE)}.gz.partial`), partial, 'nothing')
      const acknowledged = (await receive(disk, { method: 'gzip', level: 1 }, false)) ?? segmentLsn(BASE)
      await checkNothingLost(disk.afterCrash('power'), acknowledged)
    }
  })
})
