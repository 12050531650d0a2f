import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { isWalrError } from '../errors/walr-error.ts'
import type { CompressionSpec } from './compression/compression-spec.ts'
import { formatLsn, toLsn, type Lsn } from './lsn.ts'
import { RecordingLogger, RecordingRoom, until } from './recording.fixture.ts'
import { SegmentStore } from './segment-store.ts'
import { SegmentWriter } from './segment-writer.ts'
import { SEGMENT, segmentBytes, segmentLsn, segmentName, TIMELINE_1, walBytes } from './wal-bytes.fixture.ts'

let directory: string
let disk: FaultDisk
let logger: RecordingLogger
let room: RecordingRoom
let finished: Lsn[]
let stores: SegmentStore[]
let writers: SegmentWriter[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-writer-'))
  mkdirSync(join(directory, '.walr'))
  disk = new FaultDisk(nodeDisk)
  disk.setFreeBytes(1e12)
  logger = new RecordingLogger()
  room = new RecordingRoom(disk, directory)
  finished = []
  stores = []
  writers = []
})
afterEach(async () => {
  for (const writer of writers) await writer.abandon()
  for (const store of stores) await store.close()
  rmSync(directory, { recursive: true, force: true })
})

const FIRST = 3
const gzip: CompressionSpec = { method: 'gzip', level: 1 }

async function writerAt(
  startLsn: Lsn = segmentLsn(FIRST),
  options: { compression?: CompressionSpec; sync?: boolean } = {},
): Promise<SegmentWriter> {
  const { compression = { method: 'none' }, sync = true } = options
  const common = { disk, directory, walSegmentSize: SEGMENT, sync, logger, compression, room: room.room }
  const store = new SegmentStore({ ...common, fileMode: 0o600, flush: 'batch' })
  stores.push(store)
  await store.prepare()
  const onSegmentFinished = (endLsn: Lsn): number => finished.push(endLsn)
  const writer = new SegmentWriter(TIMELINE_1, startLsn, true, { ...common, store, onSegmentFinished })
  writers.push(writer)
  return writer
}
async function put(writer: SegmentWriter, length: number): Promise<void> {
  await writer.write(walBytes(writer.writtenLsn, length), 0, length)
}
const segmentFiles = (): readonly string[] => readdirSync(directory).filter((name) => name !== '.walr')
const contents = (name: string): Buffer => readFileSync(join(directory, name))
const codeOf = (error: unknown): string => (isWalrError(error) ? error.code : `not of walr: ${String(error)}`)
const outcome = async (promise: Promise<void>): Promise<string> => {
  try {
    await promise
    return 'fine'
  } catch (error) {
    return codeOf(error)
  }
}
const flushed = async (writer: SegmentWriter): Promise<void> => {
  await writer.flush(false)
}

describe('what is written', () => {
  it('must continue what is there: other WAL is refused before a byte of it is written', async () => {
    const writer = await writerAt(toLsn(0x1_0000_0000n - BigInt(SEGMENT)))
    expect(() => {
      writer.expect(1, 0)
    }).toThrow('received write-ahead log record for offset 0 with no file open')
    await put(writer, 100)
    for (const [high, low] of [
      [0, 0xfff00000 + 99],
      [0, 0xfff00000 + 101],
      [1, 0xfff00000 + 100],
      [0, 0],
    ] as const) {
      expect(() => {
        writer.expect(high, low)
      }).toThrow(expect.objectContaining({ code: 'WALR_PROTOCOL' }))
    }
    expect(() => {
      writer.expect(0, 0xfff00010)
    }).toThrow('got WAL data offset 00000010, expected 00000064')
    writer.expect(0, 0xfff00064)
    await flushed(writer)
    expect(contents(segmentFiles()[0] ?? '').subarray(100)).toEqual(Buffer.alloc(SEGMENT - 100))
  })

  it('is split at the edge of segments, also several in one message', async () => {
    const writer = await writerAt()
    await put(writer, SEGMENT - 1)
    await put(writer, 2)
    await put(writer, 3 * SEGMENT)
    expect(writer.writtenLsn).toBe(segmentLsn(FIRST + 4, 1))
    await flushed(writer)
    for (const number of [3, 4, 5, 6]) expect(contents(segmentName(number)).equals(segmentBytes(number))).toBe(true)
    const open = contents(`${segmentName(7)}.partial`)
    expect(open.length).toBe(SEGMENT)
    expect(open[0]).toBe(segmentBytes(7)[0])
    expect(open.subarray(1)).toEqual(Buffer.alloc(SEGMENT - 1))
    expect(finished).toEqual([4, 5, 6, 7].map((number) => segmentLsn(number)))
  })

  it('may end exactly at the edge of a segment, without opening the next', async () => {
    const writer = await writerAt()
    await put(writer, SEGMENT)
    await flushed(writer)
    expect(segmentFiles()).toEqual([segmentName(FIRST)])
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST + 1))
    await writer.close()
    expect(logger.lines).toEqual([])
  })

  it('is taken from the middle of a buffer, and nothing around it', async () => {
    const writer = await writerAt()
    const bytes = Buffer.concat([Buffer.alloc(10, 1), walBytes(segmentLsn(FIRST), SEGMENT + 50), Buffer.alloc(10, 2)])
    await writer.write(bytes, 10, SEGMENT + 50)
    await writer.close()
    expect(contents(segmentName(FIRST)).equals(segmentBytes(FIRST))).toBe(true)
    const next = contents(`${segmentName(FIRST + 1)}.partial`)
    expect(next.subarray(0, 50).equals(segmentBytes(FIRST + 1).subarray(0, 50))).toBe(true)
    expect(next.subarray(50)).toEqual(Buffer.alloc(SEGMENT - 50))
  })

  it('goes on over 2^32 with the next log file name', async () => {
    const writer = await writerAt(toLsn(0x1_0000_0000n - BigInt(SEGMENT)))
    await put(writer, SEGMENT - 8)
    expect(writer.distanceTo(1, 8)).toBe(16)
    await put(writer, 16)
    expect(formatLsn(writer.writtenLsn)).toBe('1/8')
    expect(writer.distanceTo(0, 0xffff_fff8)).toBe(-16)
    writer.expect(1, 8)
    await writer.close()
    expect(segmentFiles().toSorted()).toEqual(['000000010000000000000FFF', '000000010000000100000000.partial'])
  })

  it('starts at the first byte of a segment only', async () => {
    await expect(writerAt(segmentLsn(FIRST, 8192))).rejects.toMatchObject({ code: 'WALR_INTERNAL' })
  })
})

describe('what counts as flushed', () => {
  it('is the start until something was flushed, and never more than was', async () => {
    const writer = await writerAt()
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
    await put(writer, 5000)
    expect([writer.dirty, writer.flushedLsn]).toEqual([true, segmentLsn(FIRST)])
    const flushing = writer.flush(true)
    await put(writer, 3000)
    await flushing
    expect([writer.dirty, writer.flushedLsn]).toEqual([true, segmentLsn(FIRST, 5000)])
    await flushed(writer)
    expect([writer.dirty, writer.flushedLsn]).toEqual([false, segmentLsn(FIRST, 8000)])
  })

  it.each<[string, CompressionSpec]>([
    ['plain', { method: 'none' }],
    ['compressed', gzip],
  ])('has its data and its name synced before, in that order of things (%s)', async (_, compression) => {
    const writer = await writerAt(segmentLsn(FIRST), { compression })
    for (const operation of ['dataSync', 'rename', 'syncDirectory'] as const) disk.on({ operation }, { delayMs: 20 })
    await put(writer, 5000)
    disk.forgetOperations()
    const flushing = flushed(writer)
    await until(() => {
      const done = disk.operations.map(({ operation }) => operation)
      if (done.includes('dataSync') && done.includes('syncDirectory')) return true
      expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
      return false
    }, 'data and name are being synced')
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
    await flushing
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST, 5000))
  })

  it('is at the end of a segment only when that is durable under its final name', async () => {
    const writer = await writerAt()
    await put(writer, SEGMENT - 10)
    disk.on({ operation: 'rename', pathPattern: /\.partial$/ }, { delayMs: 40 })
    disk.on({ operation: 'syncDirectory' }, { delayMs: 40 })
    await put(writer, 30)
    disk.forgetOperations()
    const flushing = flushed(writer)
    while (!disk.operations.some(({ operation, path }) => operation === 'rename' && path.endsWith('.partial'))) {
      expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
      await new Promise(setImmediate)
    }
    await until(() => finished.length > 0, 'the segment is finished')
    const before = disk.operations.map(({ operation }) => operation)
    expect(before.indexOf('syncDirectory', before.indexOf('rename'))).toBeGreaterThan(0)
    await flushing
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST + 1, 20))
  })

  it('is nothing at all without sync', async () => {
    const writer = await writerAt(segmentLsn(FIRST), { sync: false })
    await put(writer, SEGMENT + 100)
    await flushed(writer)
    await writer.close()
    expect(writer.flushedLsn).toBeUndefined()
    expect(segmentFiles().toSorted()).toEqual([segmentName(FIRST), `${segmentName(FIRST + 1)}.partial`])
    const synced = disk.operations.filter(({ operation }) => /sync/i.test(operation))
    expect(synced).toEqual([])
  })
})

describe('a segment that is finished slowly', () => {
  it('has its final name before the next one has its partial name', async () => {
    const writer = await writerAt()
    disk.on({ operation: 'rename', pathPattern: /\.partial$/, nth: 1 }, { delayMs: 60 })
    await put(writer, SEGMENT + 1000)
    const flushing = flushed(writer)
    await until(() => {
      const names = segmentFiles()
      expect(names.includes(segmentName(FIRST)) || !names.includes(`${segmentName(FIRST + 1)}.partial`)).toBe(true)
      return names.includes(`${segmentName(FIRST + 1)}.partial`)
    }, 'the next segment has its name')
    await flushing
    const renames = disk.operations.filter(({ operation }) => operation === 'rename').map(({ to }) => to)
    expect(renames.slice(1)).toEqual(
      [segmentName(FIRST), `${segmentName(FIRST + 1)}.partial`].map((n) => join(directory, n)),
    )
  })

  it.each<[string, CompressionSpec]>([
    ['plain', { method: 'none' }],
    ['compressed', gzip],
  ])('does not come to harm by a flush that waits for the one before (%s)', async (_, compression) => {
    const writer = await writerAt(segmentLsn(FIRST), { compression })
    disk.on({ operation: 'rename', pathPattern: new RegExp(`${segmentName(FIRST)}.*partial$`) }, { delayMs: 250 })
    await put(writer, SEGMENT + 1000)
    const filling = put(writer, SEGMENT)
    await until(() => writer.writtenLsn >= segmentLsn(FIRST + 2), 'the next segment is full, too')
    expect(finished).toEqual([])
    const flushing = flushed(writer)
    await Promise.all([filling, flushing])
    expect(writer.flushedLsn).toBeGreaterThanOrEqual(segmentLsn(FIRST + 1, 1000))
    await flushed(writer)
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST + 2, 1000))
  })
})

describe('a partial segment of an earlier run', () => {
  it('is not flushed before the segment in front of it has its final name', async () => {
    writeFileSync(join(directory, `${segmentName(FIRST + 1)}.partial`), Buffer.alloc(SEGMENT))
    const writer = await writerAt()
    disk.on({ operation: 'rename', pathPattern: /\.partial$/ }, { delayMs: 100 })
    await put(writer, SEGMENT + 1000)
    const flushing = flushed(writer)
    while (!segmentFiles().includes(segmentName(FIRST))) {
      expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
      await new Promise(setImmediate)
    }
    await flushing
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST + 1, 1000))
  })
})

describe('after a failure', () => {
  it.each(['dataSync', 'syncDirectory'] as const)(
    'of %s nothing is flushed, and it is not tried again',
    async (operation) => {
      const writer = await writerAt()
      await put(writer, 5000)
      await until(() => segmentFiles().length > 0, 'the segment has its name')
      await until(() => disk.operations.filter((o) => o.operation === 'syncDirectory').length >= 2, 'named durably')
      await flushed(writer)
      const removeFault = disk.on({ operation }, { error: 'EIO' })
      await put(writer, operation === 'dataSync' ? 10 : SEGMENT)
      expect(await outcome(flushed(writer))).toBe('WALR_FSYNC_FAILED')
      removeFault()
      disk.forgetOperations()
      expect(await outcome(flushed(writer))).toBe('WALR_FSYNC_FAILED')
      expect(await outcome(writer.close())).toBe('WALR_FSYNC_FAILED')
      expect(await outcome(put(writer, SEGMENT))).toBe('WALR_FSYNC_FAILED')
      expect(disk.operations.filter((done) => done.operation === operation)).toEqual([])
      expect(writer.flushedLsn).toBe(segmentLsn(FIRST, 5000))
    },
  )

  it('of an fsync in the background the same holds', async () => {
    const writer = await writerAt()
    await put(writer, 5000)
    await flushed(writer)
    const removeFault = disk.on({ operation: 'dataSync' }, { error: 'EIO', delayMs: 10 })
    await put(writer, 10)
    expect(await outcome(Promise.resolve(writer.flush(true)))).toBe('WALR_FSYNC_FAILED')
    removeFault()
    disk.forgetOperations()
    expect(await outcome(writer.close())).toBe('WALR_FSYNC_FAILED')
    expect(disk.operations.filter(({ operation }) => operation === 'dataSync')).toEqual([])
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST, 5000))
  })

  it('of the end of a stream nothing more is flushed, and the file is closed', async () => {
    const writer = await writerAt()
    await put(writer, 5000)
    await flushed(writer)
    await put(writer, 10)
    disk.on({ operation: 'dataSync' }, { error: 'EIO' })
    expect(await outcome(writer.close())).toBe('WALR_FSYNC_FAILED')
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST, 5000))
    // A spare segment may be made beside it meanwhile.
    const failed = disk.operations.findLastIndex(({ operation }) => operation === 'dataSync')
    const { path } = disk.operations[failed] ?? expect.unreachable()
    const after = disk.operations.slice(failed + 1).filter((other) => other.path === path)
    expect(new Set(after.map(({ operation }) => operation))).toEqual(new Set(['close']))
  })

  it('of a write nothing is flushed any more, not even what was written before', async () => {
    disk.setDirect(false)
    const writer = await writerAt()
    await put(writer, 5000)
    disk.on({ operation: 'write', pathPattern: /spare-\d+-1$/ }, { error: 'EIO' })
    expect(await outcome(put(writer, 10))).toBe('WALR_WRITE_FAILED')
    expect(await outcome(flushed(writer))).toBe('WALR_WRITE_FAILED')
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
  })

  it('of finishing a segment while the next is being opened, the stream hears of it in good order', async () => {
    const writer = await writerAt()
    await put(writer, SEGMENT - 1)
    disk.on({ operation: 'rename', pathPattern: /\.partial$/ }, { error: 'EIO' })
    disk.on({ operation: 'freeBytes' }, { delayMs: 60 })
    await put(writer, 1)
    const next = await outcome(put(writer, 10))
    expect(next === 'fine' ? await outcome(flushed(writer)) : next).toBe('WALR_WRITE_FAILED')
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
    expect(finished).toEqual([])
  })
})

describe('a finished segment that is there already', () => {
  it('is kept when it is another one, and so is the new one', async () => {
    const other = segmentBytes(FIRST + 100)
    writeFileSync(join(directory, segmentName(FIRST)), other)
    const writer = await writerAt()
    await put(writer, SEGMENT)
    expect(await outcome(flushed(writer))).toBe('WALR_SEGMENT_CONFLICT')
    expect(writer.flushedLsn).toBe(segmentLsn(FIRST))
    expect(contents(segmentName(FIRST)).equals(other)).toBe(true)
    expect(contents(`${segmentName(FIRST)}.partial`).equals(segmentBytes(FIRST))).toBe(true)
  })
})
