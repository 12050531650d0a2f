import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import type { CompressionSpec } from './compression/compression-spec.ts'
import { RecordingLogger, RecordingRoom, until } from './recording.fixture.ts'
import type { SegmentFile } from './segment-file.ts'
import { SegmentStore } from './segment-store.ts'
import { SEGMENT, segmentBytes, segmentName, TIMELINE_1 } from './wal-bytes.fixture.ts'

let directory: string
let disk: FaultDisk
let logger: RecordingLogger
let room: RecordingRoom
let stores: SegmentStore[]
let open: SegmentFile[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-store-'))
  mkdirSync(join(directory, '.walr'))
  disk = new FaultDisk(nodeDisk)
  disk.setFreeBytes(1e12)
  logger = new RecordingLogger()
  room = new RecordingRoom(disk, directory)
  stores = []
  open = []
})
afterEach(async () => {
  for (const file of open) await file.abandon()
  for (const each of stores) await each.close()
  rmSync(directory, { recursive: true, force: true })
})

const partial = `${segmentName(5)}.partial`
const at = (name: string): string => join(directory, name)
async function store(compression: CompressionSpec = { method: 'none' }, sync = true): Promise<SegmentStore> {
  const options = {
    disk,
    directory,
    walSegmentSize: SEGMENT,
    fileMode: 0o600,
    flush: 'batch' as const,
    sync,
    compression,
    room: room.room,
    logger,
  }
  const made = new SegmentStore(options)
  stores.push(made)
  await made.prepare()
  return made
}
async function opened(from: SegmentStore, after?: Promise<void>): Promise<SegmentFile> {
  const file = await from.open(TIMELINE_1, 5n, { after, live: false })
  open.push(file)
  return file
}
const operations = (): readonly string[] => disk.operations.map(({ operation }) => operation)

describe('a partial segment of an earlier run', () => {
  it('keeps all its bytes while it is written over from its beginning', async () => {
    const earlier = segmentBytes(5)
    writeFileSync(at(partial), earlier)
    const file = await opened(await store())
    expect(readFileSync(at(partial)).equals(earlier)).toBe(true)
    await file.write(earlier, 0, 1000, 0)
    await file.flush(false)
    await file.close()
    expect(readFileSync(at(partial)).equals(earlier)).toBe(true)
    expect(disk.operations.find(({ path, how }) => path === at(partial) && how !== undefined)?.how).toBe('existing')
    expect(operations()).not.toContain('truncate')
  })

  it('is synced with its name before anything of it counts', async () => {
    writeFileSync(at(partial), segmentBytes(5))
    const made = await store()
    disk.forgetOperations()
    await opened(made)
    expect(operations().filter((operation) => /sync/i.test(operation))).toEqual(['sync', 'syncDirectory'])
  })

  it.each([0, 1000, SEGMENT - 1, SEGMENT + 8192])('of %i bytes is brought to the size of a segment', async (size) => {
    const earlier = Buffer.alloc(size, 'walr')
    writeFileSync(at(partial), earlier)
    await opened(await store())
    const now = readFileSync(at(partial))
    expect(now.length).toBe(SEGMENT)
    const kept = Math.min(size, SEGMENT)
    expect(now.subarray(0, kept).equals(earlier.subarray(0, kept))).toBe(true)
    expect(now.subarray(kept).equals(Buffer.alloc(SEGMENT - kept))).toBe(true)
    expect(logger.lines).toEqual([
      `warning: write-ahead log file "${partial}" has ${size} bytes, should be ${SEGMENT}; repairing its size`,
    ])
  })

  it.each(['sync', 'syncDirectory'] as const)('that fails in %s is not used, and closed', async (operation) => {
    writeFileSync(at(partial), segmentBytes(5))
    const made = await store()
    disk.on({ operation }, { error: 'EIO' })
    await expect(opened(made)).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(operations().at(-1)).toBe('close')
  })
})

describe('a new segment', () => {
  it('gets its partial name beside the stream, durably, and not before the one in front is finished', async () => {
    const front = Promise.withResolvers<undefined>()
    const file = await opened(await store(), front.promise)
    await file.write(segmentBytes(5), 0, 1000, 0)
    disk.forgetOperations()
    const flushing = Promise.resolve(file.flush(false))
    await until(() => operations().includes('dataSync'), 'the flush has begun')
    expect(existsSync(at(partial))).toBe(false)
    front.resolve(undefined)
    await flushing
    expect(existsSync(at(partial))).toBe(true)
    expect(operations()).toEqual(['write', 'dataSync', 'rename', 'syncDirectory'])
  })

  it('is named durably before it is flushed, or it is not flushed', async () => {
    const made = await store()
    disk.on({ operation: 'syncDirectory' }, { error: 'EIO' })
    const file = await opened(made)
    await expect(file.flush(false)).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
  })

  it('comes from the spare that was prepared for it', async () => {
    const made = await store()
    made.prepareNext(true)
    await until(() => operations().includes('sync'), 'the spare is prepared')
    const spare = readdirSync(at('.walr'))
    const file = await opened(made)
    await file.flush(false)
    expect(spare).toHaveLength(1)
    expect(readdirSync(at('.walr'))).toEqual([])
    expect(existsSync(at(partial))).toBe(true)
  })

  it('needs no spare when it is compressed', async () => {
    const made = await store({ method: 'gzip', level: 1 })
    made.prepareNext(true)
    await made.close()
    expect(operations()).not.toContain('truncate')
    const file = await opened(made)
    expect(file.partialName).toBe(`${segmentName(5)}.gz.partial`)
  })
})

describe('a full disk', () => {
  it('is waited for before a segment is opened, and after an abort no longer', async () => {
    disk.setFreeBytes(SEGMENT)
    const made = await store()
    const opening = opened(made)
    await until(() => room.events.length > 0, 'the disk is full')
    disk.setFreeBytes(2 * SEGMENT)
    await opening
    expect(room.events).toEqual(['full', 'room'])
    disk.setFreeBytes(0)
    const second = opened(made)
    await until(() => room.events.length > 2, 'the disk is full again')
    room.abort()
    await expect(second).rejects.toMatchObject({ name: 'AbortError' })
  })

  it.each([
    ['a new segment', 'open', false],
    ['a new segment', 'truncate', false],
    ['a partial segment', 'truncate', true],
    ['a new compressed segment', 'open', false],
  ] as const)('is waited for when %s fails in %s', async (what, operation, earlier) => {
    const made = await store(what.includes('compressed') ? { method: 'gzip', level: 1 } : { method: 'none' })
    if (earlier) writeFileSync(at(partial), 'short')
    disk.on({ operation, nth: 1, times: 2 }, { error: 'ENOSPC' })
    const file = await opened(made)
    expect(room.events).toEqual(['full', 'room'])
    await file.write(segmentBytes(5), 0, 1000, 0)
    await file.close()
    expect(readdirSync(at('.walr'))).toEqual([])
  })

  it('is waited for when the partial name has no room in the directory', async () => {
    const made = await store()
    disk.on({ operation: 'rename', nth: 1 }, { error: 'ENOSPC' })
    const file = await opened(made)
    await file.flush(false)
    expect(room.events).toEqual(['full', 'room'])
    expect(existsSync(at(partial))).toBe(true)
  })
})

describe('a store', () => {
  it('says which segment could not be opened, and why', async () => {
    const made = await store()
    disk.on({ operation: 'open' }, { error: 'EACCES' })
    await expect(opened(made)).rejects.toMatchObject({
      code: 'WALR_WRITE_FAILED',
      message: `could not open write-ahead log file "${partial}": Permission denied`,
    })
  })

  it('makes the names durable that are there, before anything is opened', async () => {
    await store()
    expect(disk.operations.at(-1)).toMatchObject({ operation: 'syncDirectory', path: directory })
    disk.on({ operation: 'syncDirectory' }, { error: 'EIO' })
    await expect(store()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
  })

  it('says that its own folder is missing', async () => {
    rmSync(at('.walr'), { recursive: true })
    await expect(store()).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
  })

  it('syncs nothing without sync', async () => {
    writeFileSync(at(partial), 'short')
    const file = await opened(await store({ method: 'none' }, false))
    await file.finish()
    expect(operations().filter((operation) => /sync/i.test(operation))).toEqual([])
  })
})
