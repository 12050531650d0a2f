import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { IoPace } from './io-pace.ts'
import { PlainSegmentFile } from './plain-segment-file.ts'
import { RecordingRoom, until } from './recording.fixture.ts'
import { segmentName } from './wal-bytes.fixture.ts'

let directory: string
let disk: FaultDisk
let room: RecordingRoom
let pace: { write: IoPace; flush: IoPace }
let opened: PlainSegmentFile | undefined
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-plain-'))
  disk = new FaultDisk(nodeDisk)
  room = new RecordingRoom(disk, directory)
  pace = {
    write: new IoPace({ slowMs: 20, fastMs: 10, runLength: 2 }),
    flush: new IoPace({ slowMs: 20, fastMs: 10, runLength: 2 }),
  }
})
afterEach(async () => {
  await opened?.abandon()
  opened = undefined
  rmSync(directory, { recursive: true, force: true })
})

const name = segmentName(5)
const path = (suffix = '.partial'): string => join(directory, name + suffix)
const contents = (): string => readFileSync(path(), 'utf8')
const bytes = Buffer.from('write-ahead log')
async function open(options: { named?: Promise<void>; sync?: boolean } = {}): Promise<PlainSegmentFile> {
  const { named, sync = true } = options
  const file = await disk.open(path(), 'create')
  opened = new PlainSegmentFile({ disk, directory, walFileName: name, file, named, sync, room: room.room, pace })
  return opened
}
const operations = (): readonly string[] => disk.operations.map(({ operation }) => operation)
async function settled(promise: Promise<void>): Promise<boolean> {
  const still = Symbol('still pending')
  const first: unknown = await Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 30, still))])
  return first !== still
}

describe('writing into a plain segment', () => {
  it('is done on the thread while it is quick', async () => {
    const file = await open()
    expect(file.write(bytes, 0, 5, 0)).toBeUndefined()
    expect(file.write(bytes, 5, 6, 5)).toBeUndefined()
    expect(contents()).toBe('write-ahead')
  })

  it('leaves the thread after a slow one, and comes back after quick ones', async () => {
    const file = await open()
    const quick = disk.on({ operation: 'write' }, { delayMs: 30 })
    expect(file.write(bytes, 0, 5, 0)).toBeUndefined()
    quick()
    await expect(file.write(bytes, 5, 6, 5)).resolves.toBeUndefined()
    await expect(file.write(bytes, 11, 4, 11)).resolves.toBeUndefined()
    expect(file.write(bytes, 0, 1, 15)).toBeUndefined()
    expect(contents()).toBe('write-ahead logw')
  })

  it.each(['ENOSPC', 'EDQUOT'] as const)('waits at %s and goes on with nothing lost', async (error) => {
    const file = await open()
    disk.on({ operation: 'write', times: 3, nth: 1 }, { error, shortWrite: 4 })
    await file.write(bytes, 0, bytes.length, 0)
    expect(room.events).toEqual(['full', 'room'])
    expect(contents()).toBe('write-ahead log')
  })

  it('waits for room in the pool as well', async () => {
    pace.write.record(1000)
    const file = await open()
    disk.on({ operation: 'write', nth: 1 }, { error: 'ENOSPC', shortWrite: 4 })
    await file.write(bytes, 0, bytes.length, 0)
    expect(room.events).toEqual(['full', 'room'])
    expect(contents()).toBe('write-ahead log')
  })

  it('no longer waits for room after an abort', async () => {
    const file = await open()
    disk.on({ operation: 'write' }, { error: 'ENOSPC' })
    const writing = Promise.resolve(file.write(bytes, 0, 5, 0))
    await until(() => room.events.length > 0, 'the disk is full')
    room.abort()
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
  })

  it.each([true, false])('fails with the text of pg_receivewal (on the thread: %s)', async (inline) => {
    if (!inline) pace.write.record(1000)
    const file = await open()
    disk.on({ operation: 'write' }, { error: 'EIO' })
    await expect((async () => file.write(bytes, 0, 15, 0))()).rejects.toMatchObject({
      code: 'WALR_WRITE_FAILED',
      message: `could not write 15 bytes to WAL file "${name}.partial": Input/output error`,
    })
  })
})

describe('flushing a plain segment', () => {
  it('is done on the thread while it is quick and may block it', async () => {
    const file = await open()
    expect(file.flush(false)).toBeUndefined()
    expect(file.flush(true)).toBeInstanceOf(Promise)
    await file.flush(true)
    disk.on({ operation: 'dataSync', nth: 1 }, { delayMs: 60 })
    expect(file.flush(false)).toBeUndefined()
    expect(file.flush(false)).toBeInstanceOf(Promise)
  })

  it('is not done before the file durably has its name', async () => {
    const naming = Promise.withResolvers<undefined>()
    const file = await open({ named: naming.promise })
    const flushing = Promise.resolve(file.flush(false))
    expect(await settled(flushing)).toBe(false)
    naming.resolve(undefined)
    await flushing
    expect(operations()).toContain('dataSync')
  })

  it('fails when the file could not get its name', async () => {
    const naming = Promise.withResolvers<undefined>()
    const file = await open({ named: naming.promise })
    naming.reject(new Error('no name'))
    await expect(file.flush(false)).rejects.toThrow('no name')
    await expect(file.close()).rejects.toThrow('no name')
    await expect(file.finish()).rejects.toThrow('no name')
    expect(existsSync(path(''))).toBe(false)
  })

  it.each([true, false])(
    'fails with WALR_FSYNC_FAILED and the name of the segment (background: %s)',
    async (background) => {
      const file = await open()
      disk.on({ operation: 'dataSync' }, { error: 'EIO' })
      await expect((async () => file.flush(background))()).rejects.toMatchObject({
        code: 'WALR_FSYNC_FAILED',
        message: `could not fsync file "${path()}": Input/output error`,
      })
    },
  )

  it('does nothing without sync', async () => {
    const file = await open({ sync: false })
    expect(file.flush(true)).toBeUndefined()
    await file.finish()
    expect(operations().filter((operation) => /sync/i.test(operation))).toEqual([])
    expect(existsSync(path(''))).toBe(true)
  })
})

describe('ending a plain segment', () => {
  it('finished: data synced, file closed, renamed, directory synced, in that order', async () => {
    const file = await open()
    await file.write(bytes, 0, bytes.length, 0)
    await file.finish()
    const order = operations().filter((operation) => /sync|close|rename/i.test(operation))
    expect(order).toEqual(['dataSync', 'close', 'rename', 'syncDirectory'])
    expect(readFileSync(path(''), 'utf8')).toBe('write-ahead log')
  })

  it('closed: data synced, and the name stays', async () => {
    const file = await open()
    await file.write(bytes, 0, bytes.length, 0)
    await file.close()
    expect(operations().slice(-2)).toEqual(['dataSync', 'close'])
    expect(existsSync(path(''))).toBe(false)
  })

  it.each(['close', 'finish', 'abandon'] as const)('by %s waits for writes and flushes under way', async (how) => {
    pace.write.record(1000)
    const file = await open()
    disk.on({ operation: 'write' }, { delayMs: 40 })
    disk.on({ operation: 'dataSync', nth: 1 }, { delayMs: 20 })
    const writing = Promise.resolve(file.write(bytes, 0, 5, 0))
    const flushing = Promise.resolve(file.flush(true))
    await file[how]()
    expect(await settled(writing)).toBe(true)
    expect(await settled(flushing)).toBe(true)
    expect(operations().indexOf('close')).toBeGreaterThan(operations().lastIndexOf('dataSync'))
  })

  it('finished on a full disk waits for room for the new name', async () => {
    const file = await open()
    disk.on({ operation: 'rename', nth: 1 }, { error: 'ENOSPC' })
    await file.finish()
    expect(room.events).toEqual(['full', 'room'])
    expect(existsSync(path(''))).toBe(true)
  })

  it('abandoned claims nothing, and never fails', async () => {
    const naming = Promise.withResolvers<undefined>()
    const file = await open({ named: naming.promise })
    naming.reject(new Error('no name'))
    disk.on({ operation: 'close' }, { error: 'EIO' })
    await file.abandon()
    expect(operations()).not.toContain('dataSync')
  })
})
