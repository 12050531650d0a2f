import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { CHUNK_SIZE, ChunkPool } from './chunk-pool.ts'
import { DirectSegmentFile } from './direct-segment-file.ts'
import { IoPace } from './io-pace.ts'
import { RecordingRoom, until } from './recording.fixture.ts'
import { segmentName } from './wal-bytes.fixture.ts'

const SEGMENT = 4 * CHUNK_SIZE
const name = segmentName(5)
let directory: string
let disk: FaultDisk
let room: RecordingRoom
let chunks: ChunkPool
let pace: IoPace
let refused: number
let opened: DirectSegmentFile[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-direct-'))
  disk = new FaultDisk(nodeDisk)
  room = new RecordingRoom(disk, directory)
  const pool = ChunkPool.create()
  if (!pool) throw new Error('this machine has no aligned memory')
  chunks = pool
  pace = new IoPace({ slowMs: 1000, fastMs: 10, runLength: 2 })
  refused = 0
  opened = []
})
afterEach(async () => {
  for (const file of opened) await file.abandon()
  rmSync(directory, { recursive: true, force: true })
})

const path = (suffix = '.partial'): string => join(directory, name + suffix)
const contents = (suffix?: string): Buffer => readFileSync(path(suffix))
const writes = (): readonly string[] =>
  disk.operations
    .filter((each) => each.operation === 'write')
    .map((each) => `${each.position ?? 0}+${each.length ?? 0}`)
const syncs = (): number => disk.operations.filter(({ operation }) => operation === 'dataSync').length
/** Bytes that differ from place to place and are never zero. */
const source = Buffer.from(Uint8Array.from({ length: SEGMENT }, (_, index) => 1 + ((index * 31 + (index >> 12)) % 255)))

async function open(selfSyncing: boolean, named: Promise<void> = Promise.resolve()): Promise<DirectSegmentFile> {
  const file = await disk.open(path(), 'create')
  await file.truncate(SEGMENT)
  const direct = await disk.openDirect(path(), selfSyncing)
  if (!direct) throw new Error('the file system of the temporary directory has no direct writes')
  const onRefused = (): number => (refused += 1)
  const common = { disk, directory, walFileName: name, room: room.room, pace, chunks, onRefused }
  const made = new DirectSegmentFile({ ...common, file, direct, selfSyncing, named })
  opened.push(made)
  await named
  disk.forgetOperations()
  return made
}

describe.each([true, false])('a segment written past the page cache (self-syncing: %s)', (selfSyncing) => {
  it('holds bytes back until the flush, which writes only what alignment asks for', async () => {
    const file = await open(selfSyncing)
    expect(file.write(source, 0, 5000)).toBeUndefined()
    expect(writes()).toEqual([])
    expect(file.flush(false)).toBeUndefined()
    expect(file.write(source, 5000, 100)).toBeUndefined()
    expect(file.flush(false)).toBeUndefined()
    expect(writes()).toEqual(['0+8192', '4096+4096'])
    expect(syncs()).toBe(selfSyncing ? 0 : 2)
    expect(contents().equals(Buffer.concat([source.subarray(0, 5100), Buffer.alloc(SEGMENT - 5100)]))).toBe(true)
  })

  it('has the bytes it was given, whatever their pieces and wherever it is flushed, and zeros behind them', async () => {
    const piece = fc.record({
      length: fc.integer({ min: 1, max: 700_000 }),
      flush: fc.constantFrom('no', 'here', 'aside'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
        rmSync(path(), { force: true })
        const file = await open(selfSyncing)
        let length = 0
        const flushes: Promise<void>[] = []
        for (const each of pieces) {
          const taken = Math.min(each.length, SEGMENT - length)
          await file.write(Buffer.from(source.subarray(length, length + taken)), 0, taken)
          length += taken
          if (each.flush !== 'no') flushes.push((async () => file.flush(each.flush === 'aside'))())
        }
        await Promise.all(flushes)
        await file.close()
        const expected = Buffer.concat([source.subarray(0, length), Buffer.alloc(SEGMENT - length)])
        expect(contents().equals(expected)).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  it('leaves zeros behind its end also in a chunk that was used before', async () => {
    const first = await open(selfSyncing)
    await first.write(source, 0, 3 * CHUNK_SIZE)
    await first.close()
    rmSync(path())
    const second = await open(selfSyncing)
    await second.write(source, 0, 100)
    await second.flush(true)
    expect(contents().equals(Buffer.concat([source.subarray(0, 100), Buffer.alloc(SEGMENT - 100)]))).toBe(true)
  })

  it('gets its final name when it is full, and not before it is durable', async () => {
    const file = await open(selfSyncing)
    await file.write(source, 0, SEGMENT)
    await file.finish()
    expect(existsSync(path())).toBe(false)
    expect(contents('').equals(source)).toBe(true)
    const done = disk.operations.map(({ operation }) => operation)
    if (!selfSyncing) expect(done.lastIndexOf('dataSync')).toBeGreaterThan(done.lastIndexOf('write'))
    expect(done.indexOf('rename')).toBeGreaterThan(Math.max(done.lastIndexOf('write'), done.lastIndexOf('dataSync')))
  })

  it('is not flushed before it has its name', async () => {
    const naming = Promise.withResolvers<undefined>()
    const making = open(selfSyncing, naming.promise)
    await until(() => opened.length === 1, 'the file is open')
    const file = opened[0]
    await file?.write(source, 0, 100)
    let flushed = false
    const flushing = Promise.resolve(file?.flush(false)).then(() => (flushed = true))
    await until(() => writes().length === 1, 'the flush has begun')
    expect(flushed).toBe(false)
    naming.resolve(undefined)
    await flushing
    await making
  })

  it('makes the stream wait while all memory is on its way to the disk', async () => {
    const file = await open(selfSyncing)
    disk.on({ operation: 'write' }, { delayMs: 20 })
    expect(file.write(source, 0, 3 * CHUNK_SIZE)).toBeUndefined()
    const waiting = file.write(source, 3 * CHUNK_SIZE, 10)
    expect(waiting).toBeInstanceOf(Promise)
    await waiting
    await file.flush(false)
    expect(
      contents()
        .subarray(0, 3 * CHUNK_SIZE + 10)
        .equals(source.subarray(0, 3 * CHUNK_SIZE + 10)),
    ).toBe(true)
  })

  it.each(['here', 'aside'])('waits on a full disk and goes on with nothing lost (flushed %s)', async (where) => {
    const file = await open(selfSyncing)
    await file.write(source, 0, CHUNK_SIZE + 10)
    await until(() => writes().length === 1, 'the full chunk is on its way')
    disk.on({ operation: 'write', nth: 1, times: 3 }, { error: 'ENOSPC', shortWrite: 512 })
    await file.flush(where === 'aside')
    expect(room.events).toEqual(['full', 'room'])
    expect(
      contents()
        .subarray(0, CHUNK_SIZE + 10)
        .equals(source.subarray(0, CHUNK_SIZE + 10)),
    ).toBe(true)
  })

  it.each(['here', 'aside', 'chunk'])('goes through the page cache where the disk refuses it (%s)', async (where) => {
    const file = await open(selfSyncing)
    // On the thread it is tried once more beside the stream, as after a full disk.
    disk.on({ operation: 'write', nth: 1, times: where === 'here' ? 2 : 1 }, { error: 'EINVAL' })
    await file.write(source, 0, where === 'chunk' ? CHUNK_SIZE + 10 : 10)
    await file.flush(where === 'aside')
    expect(refused).toBe(1)
    expect(syncs()).toBe(1)
    await file.write(source, where === 'chunk' ? CHUNK_SIZE + 10 : 10, 10)
    await file.flush(false)
    expect(syncs()).toBe(2)
    const length = where === 'chunk' ? CHUNK_SIZE + 20 : 20
    expect(contents().equals(Buffer.concat([source.subarray(0, length), Buffer.alloc(SEGMENT - length)]))).toBe(true)
  })

  const code = selfSyncing ? 'WALR_FSYNC_FAILED' : 'WALR_WRITE_FAILED'
  it.each(['here', 'aside'])(`fails with ${code} when a write fails (flushed %s), and for good`, async (where) => {
    const file = await open(selfSyncing)
    await file.write(source, 0, 10)
    disk.on({ operation: 'write', nth: 1 }, { error: 'EIO' })
    const flushed = (): Promise<void> => (async () => file.flush(where === 'aside'))()
    await expect(flushed()).rejects.toMatchObject({ code })
    await expect(flushed()).rejects.toMatchObject({ code })
    await file.abandon()
    expect(writes()).toHaveLength(1)
  })

  it(`fails with ${code} when the write of a full chunk failed beside the stream`, async () => {
    const file = await open(selfSyncing)
    disk.on({ operation: 'write', nth: 1 }, { error: 'EIO' })
    await file.write(source, 0, CHUNK_SIZE + 10)
    await expect((async () => file.flush(false))()).rejects.toMatchObject({ code })
    expect(() => file.write(source, 0, 10)).toThrow(expect.objectContaining({ code }))
    await expect(file.close()).rejects.toMatchObject({ code })
  })

  it('that is given up keeps what it was given, as far as the disk lets it', async () => {
    const file = await open(selfSyncing)
    await file.write(source, 0, CHUNK_SIZE + 10)
    await file.abandon()
    expect(
      contents()
        .subarray(0, CHUNK_SIZE + 10)
        .equals(source.subarray(0, CHUNK_SIZE + 10)),
    ).toBe(true)
  })

  it('takes nothing any more once it was given up, though a write still waited', async () => {
    const file = await open(selfSyncing)
    const held = [chunks.take(), chunks.take(), chunks.take()].filter((chunk) => chunk !== undefined)
    const waiting = Promise.resolve(file.write(source, 0, 10))
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'WALR_INTERNAL' })
    await file.abandon()
    for (const chunk of held) chunks.giveBack(chunk)
    await outcome
    expect([chunks.take(), chunks.take(), chunks.take()]).not.toContain(undefined)
  })

  it('gives its memory back however it ends', async () => {
    for (const end of ['close', 'abandon'] as const) {
      const file = await open(selfSyncing)
      await file.write(source, 0, CHUNK_SIZE + 10)
      await file[end]()
    }
    expect([chunks.take(), chunks.take(), chunks.take()]).not.toContain(undefined)
  })
})

it('a failed fdatasync is a failed flush, and is not tried again', async () => {
  const file = await open(false)
  await file.write(source, 0, 10)
  disk.on({ operation: 'dataSync' }, { error: 'ENOSPC' })
  expect(() => file.flush(false)).toThrow(expect.objectContaining({ code: 'WALR_FSYNC_FAILED' }))
  await expect((async () => file.flush(true))()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
  await file.abandon()
  expect(syncs()).toBe(1)
})

it('a slow flush moves the next ones off the thread', async () => {
  pace = new IoPace({ slowMs: 5, fastMs: 1, runLength: 50 })
  const file = await open(true)
  await file.write(source, 0, 10)
  disk.on({ operation: 'write', nth: 1 }, { delayMs: 30 })
  expect(file.flush(false)).toBeUndefined()
  await file.write(source, 10, 10)
  const second = file.flush(false)
  expect(second).toBeInstanceOf(Promise)
  await second
  expect(contents().subarray(0, 20).equals(source.subarray(0, 20))).toBe(true)
})
