import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import { FramedCodec } from '../codec/scripted-codec.fixture.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { StorageError, type ByteSource, type PutConfirmation, type PutOptions } from '../plugins/contract/index.ts'
import { parseSegmentEntry } from '../wal/segment-directory.ts'
import { CLUSTER, SEGMENT } from '../wal/wal-bytes.fixture.ts'
import type { SegmentItem } from './archive-entry.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'
import { SegmentArchiver, type SegmentOutcome } from './segment-archiver.ts'

/** Remembers what sources said of their size, and reads each of them this often. */
class ReadingStorage extends ScriptedStorage {
  readonly sizes: (number | undefined)[] = []
  readings = 1

  override async put(key: string, source: ByteSource, options: PutOptions): Promise<PutConfirmation> {
    this.sizes.push(source.size)
    for (let reading = 1; reading < this.readings; reading += 1) {
      // An attempt that was cut off after its first chunk, as a client that tries again by itself has it.
      for await (const chunk of source.open()) if (chunk.length > 0) break
    }
    return super.put(key, source, options)
  }
}

let bench: ArchiverBench
let storage: ReadingStorage
beforeEach(() => {
  bench = new ArchiverBench()
  storage = new ReadingStorage()
})
afterEach(() => bench.dispose())

const codec = new FramedCodec('.zip')
function make(maxBufferedBytes: number, codecs = [codec]): SegmentArchiver {
  return new SegmentArchiver({
    storage,
    codecs: new CodecPipeline(codecs, []),
    layout: new ArchiveLayout('main', CLUSTER),
    wal: { disk: nodeDisk, directory: bench.directory, systemIdentifier: CLUSTER, walSegmentSize: SEGMENT },
    logger: bench.logger,
    maxBufferedBytes,
  })
}
function written(number: number, salt = 0): SegmentItem {
  const entry = parseSegmentEntry(bench.write(number, 1, salt), SEGMENT) ?? expect.unreachable()
  return { ...entry, kind: 'segment', partial: false }
}
const archive = (archiver: SegmentArchiver, segment: SegmentItem): Promise<SegmentOutcome> =>
  archiver.archive(segment, bench.stop.signal)

describe.each([
  ['held in memory', SEGMENT, SEGMENT + 17],
  ['streamed', SEGMENT - 1, undefined],
])('a segment that is %s', (_, limit, size) => {
  it('is stored whole, and its size is told when it is known', async () => {
    const archiver = make(limit)
    for (const number of [4, 5]) expect(await archive(archiver, written(number))).toBe('archived')
    expect(storage.sizes).toEqual([size, size])
    expect(storage.objects.get(`${bench.key(4)}.zip`)).toHaveLength(SEGMENT + 17)
    expect(storage.objects.get(`${bench.key(4)}.zip`)).not.toEqual(storage.objects.get(`${bench.key(5)}.zip`))
  })

  it('is read anew for each attempt of the storage’s own', async () => {
    storage.readings = 3
    expect(await archive(make(limit), written(4))).toBe('archived')
    expect(storage.objects.get(`${bench.key(4)}.zip`)).toHaveLength(SEGMENT + 17)
  })

  it.each([0, 1, SEGMENT, SEGMENT + 16, SEGMENT + 18])(
    'is not archived when %i bytes are confirmed',
    async (confirmed) => {
      storage.confirm = () => ({ size: confirmed })
      await expect(archive(make(limit), written(4))).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNCONFIRMED' })
      expect(existsSync(join(bench.directory, written(4).fileName))).toBe(true)
    },
  )

  it('is compared when its name is taken, and goes into quarantine when it differs', async () => {
    expect(await archive(make(limit), written(4))).toBe('archived')
    expect(await archive(make(limit), written(4))).toBe('archived')
    expect(await archive(make(limit), written(4, 9))).toBe('quarantined')
    expect(storage.objects.size).toBe(2)
  })

  it('is not stored when a page at its end is damaged', async () => {
    const segment = written(4)
    const bytes = pagedSegment(4)
    bytes.writeUInt32LE(77, SEGMENT - 8192 + 4)
    const file = await nodeDisk.open(join(bench.directory, segment.fileName), 'existing')
    await file.write(bytes, 0, bytes.length, 0)
    await file.close()
    await expect(archive(make(limit), segment)).rejects.toMatchObject({ code: 'WALR_SEGMENT_CORRUPT' })
    expect(storage.objects.size).toBe(0)
  })

  it('sends its own bytes although one before failed', async () => {
    const archiver = make(limit)
    let failed = false
    storage.script = () => {
      if (failed) return
      failed = true
      throw new StorageError('Transient', 'away')
    }
    await expect(archive(archiver, written(4))).rejects.toMatchObject({ code: 'Transient' })
    expect(await archive(archiver, written(5))).toBe('archived')
    expect(await archive(make(limit), written(5))).toBe('archived')
  })
})

describe('a checksum that the storage reports', () => {
  it.each(['md5', 'sha1', 'sha256', 'crc32'] as const)('has to be right: %s', async (algorithm) => {
    storage.confirm = ({ size }) => ({ size, checksum: { algorithm, value: '00000000' } })
    await expect(archive(make(SEGMENT), written(4))).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNCONFIRMED' })
  })

  it('of a kind that walr cannot compute decides nothing', async () => {
    storage.confirm = ({ size }) => ({ size, checksum: { algorithm: 'crc32c', value: '00000000' } })
    expect(await archive(make(SEGMENT), written(4))).toBe('archived')
  })
})
