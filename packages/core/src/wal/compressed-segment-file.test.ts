import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { openCompressedSegment, type CompressedSegmentFile } from './compressed-segment-file.ts'
import { decodeSegment } from './compression/segment-decoder.ts'
import { readWholeFile } from './read-whole-file.ts'
import { RecordingRoom, until } from './recording.fixture.ts'
import { SEGMENT, segmentBytes, segmentName } from './wal-bytes.fixture.ts'

let directory: string
let disk: FaultDisk
let room: RecordingRoom
let open: CompressedSegmentFile[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-compressed-'))
  mkdirSync(join(directory, '.walr'))
  disk = new FaultDisk(nodeDisk)
  room = new RecordingRoom(disk, directory)
  open = []
})
afterEach(async () => {
  for (const file of open) await file.abandon()
  rmSync(directory, { recursive: true, force: true })
})

const name = segmentName(5)
const wal = segmentBytes(5)
const at = (suffix: string): string => join(directory, name + suffix)
const partial = '.gz.partial'
type Method = 'gzip' | 'lz4' | 'zstd'
const suffixes = { gzip: '.gz', lz4: '.lz4', zstd: '.zst' } as const
async function opened(
  options: { method?: Method; after?: Promise<void>; sync?: boolean } = {},
): Promise<CompressedSegmentFile> {
  const { method = 'gzip', after, sync = true } = options
  const compression = { method, level: undefined }
  const common = { disk, directory, fileMode: 0o600, sync, compression, room: room.room, after }
  const file = await openCompressedSegment(name, common)
  open.push(file)
  return file
}
/** What can be read of the partial segment at this moment. */
async function readable(suffix: '.gz' | '.lz4' | '.zst' = '.gz'): Promise<Buffer> {
  const source = readWholeFile(nodeDisk, at(`${suffix}.partial`))
  return Buffer.concat(await Array.fromAsync(decodeSegment(suffix, source, { tolerateCut: true })))
}
const write = (file: CompressedSegmentFile, from: number, to: number): Promise<void> => file.write(wal, from, to - from)
const spares = (): readonly string[] => readdirSync(join(directory, '.walr'))
const operations = (): readonly string[] => disk.operations.map(({ operation }) => operation)

describe('a segment that is compressed as it arrives', () => {
  it.each<Method>(['gzip', 'lz4', 'zstd'])(
    'can be read up to each flush, and is whole in the end (%s)',
    async (method) => {
      const file = await opened({ method })
      await write(file, 0, 1000)
      await file.flush()
      expect((await readable(suffixes[method])).equals(wal.subarray(0, 1000))).toBe(true)
      await write(file, 1000, 700_000)
      await file.flush()
      expect((await readable(suffixes[method])).equals(wal.subarray(0, 700_000))).toBe(true)
      await write(file, 700_000, SEGMENT)
      await file.finish()
      const source = readWholeFile(nodeDisk, at(suffixes[method]))
      const plain = Buffer.concat(
        await Array.fromAsync(decodeSegment(suffixes[method], source, { tolerateCut: false })),
      )
      expect(plain.equals(wal)).toBe(true)
      expect(existsSync(at(`${suffixes[method]}.partial`))).toBe(false)
      expect(spares()).toEqual([])
    },
  )

  it('has its data synced, then its name, then the directory, before a flush is done', async () => {
    const file = await opened()
    await write(file, 0, 1000)
    disk.forgetOperations()
    await file.flush()
    expect(operations().filter((operation) => operation !== 'write')).toEqual(['dataSync', 'rename', 'syncDirectory'])
    await file.flush()
    expect(operations().at(-1)).toBe('dataSync')
  })

  it('gets its partial name only when the segment in front is finished', async () => {
    const front = Promise.withResolvers<undefined>()
    const file = await opened({ after: front.promise })
    await write(file, 0, 1000)
    disk.forgetOperations()
    const flushing = file.flush()
    await until(() => operations().includes('dataSync'), 'the data is synced')
    expect(existsSync(at(partial))).toBe(false)
    front.resolve(undefined)
    await flushing
    expect(existsSync(at(partial))).toBe(true)
  })

  it('is not flushed when the segment in front could not be finished', async () => {
    const front = Promise.withResolvers<undefined>()
    const file = await opened({ after: front.promise })
    await write(file, 0, 1000)
    front.reject(new Error('conflict in front'))
    await expect(file.flush()).rejects.toThrow('conflict in front')
    expect(existsSync(at(partial))).toBe(false)
  })

  it('is left with everything that was written when it is closed', async () => {
    const file = await opened()
    await write(file, 0, 5000)
    await file.close()
    expect((await readable()).equals(wal.subarray(0, 5000))).toBe(true)
    expect(spares()).toEqual([])
  })

  it('refuses to replace another finished segment, and keeps both', async () => {
    writeFileSync(at('.gz'), gzipSync('another segment'))
    const file = await opened()
    await write(file, 0, SEGMENT)
    await expect(file.finish()).rejects.toMatchObject({ code: 'WALR_SEGMENT_CONFLICT' })
    expect(gunzipSync(readFileSync(at('.gz'))).toString()).toBe('another segment')
    expect((await readable()).equals(wal)).toBe(true)
  })

  it('syncs nothing without sync', async () => {
    writeFileSync(at(partial), gzipSync(wal.subarray(0, 10)))
    const file = await opened({ sync: false })
    await write(file, 0, SEGMENT)
    await file.finish()
    expect(operations().filter((operation) => /sync/i.test(operation))).toEqual([])
    expect(gunzipSync(readFileSync(at('.gz'))).equals(wal)).toBe(true)
  })
})

describe('a compressed partial segment of an earlier run', () => {
  it('stays readable in full until the new one has as much', async () => {
    writeFileSync(at(partial), gzipSync(wal.subarray(0, 300_000)))
    const file = await opened()
    for (const end of [1000, 299_999]) {
      await write(file, end === 1000 ? 0 : 1000, end)
      await file.flush()
      expect((await readable()).equals(wal.subarray(0, 300_000))).toBe(true)
    }
    await write(file, 299_999, 300_000)
    await file.flush()
    expect((await readable()).equals(wal.subarray(0, 300_000))).toBe(true)
    expect(spares()).toEqual([])
    await write(file, 300_000, 400_000)
    await file.flush()
    expect((await readable()).equals(wal.subarray(0, 400_000))).toBe(true)
  })

  it('stays when the new one is closed with less', async () => {
    writeFileSync(at(partial), gzipSync(wal.subarray(0, 300_000)))
    const file = await opened()
    await write(file, 0, 1000)
    await file.close()
    expect((await readable()).equals(wal.subarray(0, 300_000))).toBe(true)
    expect(spares()).toEqual([])
  })

  it('leaves nothing of itself behind the end of the new one', async () => {
    writeFileSync(at(partial), Buffer.concat([gzipSync(wal.subarray(0, 10)), Buffer.alloc(2_000_000, 1)]))
    const file = await opened()
    await write(file, 0, SEGMENT)
    await file.finish()
    expect(gunzipSync(readFileSync(at('.gz'))).equals(wal)).toBe(true)
  })

  it.each([
    ['cut off', gzipSync(wal.subarray(0, 300_000)).subarray(0, 40_000)],
    ['damaged', Buffer.alloc(5000, 0xff)],
    ['empty', Buffer.alloc(0)],
  ])('that is %s does not stop the new one', async (_, earlier) => {
    writeFileSync(at(partial), earlier)
    const file = await opened()
    await write(file, 0, 400_000)
    await file.close()
    expect((await readable()).equals(wal.subarray(0, 400_000))).toBe(true)
  })

  it('is durable before the new one is written, because it stands in for it', async () => {
    writeFileSync(at(partial), gzipSync(wal.subarray(0, 300_000)))
    disk.on({ operation: 'sync' }, { error: 'EIO' })
    await expect(opened()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
  })
})

describe('a compressed segment on a disk with faults', () => {
  it('waits for room and goes on with nothing lost', async () => {
    const file = await opened()
    disk.on({ operation: 'write', nth: 1, times: 3 }, { error: 'ENOSPC', shortWrite: 7 })
    disk.on({ operation: 'rename', nth: 1 }, { error: 'ENOSPC' })
    await write(file, 0, SEGMENT)
    await file.finish()
    expect(room.events).toEqual(['full', 'room', 'full', 'room'])
    expect(gunzipSync(readFileSync(at('.gz'))).equals(wal)).toBe(true)
  })

  it('no longer waits for room after an abort', async () => {
    const file = await opened()
    disk.on({ operation: 'write' }, { error: 'ENOSPC' })
    const flushing = write(file, 0, 400_000).then(() => file.flush())
    await until(() => room.events.length > 0, 'the disk is full')
    room.abort()
    await expect(flushing).rejects.toMatchObject({ name: 'AbortError' })
  })

  it.each([
    ['dataSync', 'EIO', 'WALR_FSYNC_FAILED'],
    ['syncDirectory', 'EIO', 'WALR_FSYNC_FAILED'],
    ['write', 'EIO', 'WALR_WRITE_FAILED'],
    ['rename', 'EACCES', 'WALR_WRITE_FAILED'],
  ] as const)('fails when %s fails with %s', async (operation, error, code) => {
    const file = await opened()
    await write(file, 0, 1000)
    disk.on({ operation }, { error })
    await expect(file.flush()).rejects.toMatchObject({ code })
  })

  it('closes its file when it is abandoned, and leaves no partial name', async () => {
    const file = await opened()
    await write(file, 0, 1000)
    await file.abandon()
    expect(operations().at(-1)).toBe('close')
    expect(existsSync(at(partial))).toBe(false)
  })
})
