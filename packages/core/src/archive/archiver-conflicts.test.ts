import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import { collect, FramedCodec, once } from '../codec/scripted-codec.fixture.ts'
import { until } from '../wal/recording.fixture.ts'
import { segmentName } from '../wal/wal-bytes.fixture.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'

let bench: ArchiverBench
let other: ArchiverBench
beforeEach(() => {
  bench = new ArchiverBench()
  other = new ArchiverBench()
  for (const { clock } of [bench, other]) clock.graceMs = 50
})
afterEach(() => {
  bench.dispose()
  other.dispose()
})

const local = (of: ArchiverBench, number: number): Buffer => readFileSync(join(of.directory, segmentName(number)))
const quarantined = (): readonly string[] =>
  [...bench.storage.objects.keys()].filter((key) => key.includes('/quarantine/'))

/** Lets the puts of a segment go on when so many have come. */
function holdPuts(count: number): void {
  const all = Promise.withResolvers<undefined>()
  bench.storage.script = async ({ operation, key }) => {
    if (operation !== 'put' || key !== bench.key(4)) return
    if (bench.storage.count('put', key) === count) all.resolve(undefined)
    await all.promise
  }
}

describe('two archivers with one archive', () => {
  it('store one object of the same segment, and both take it for archived', async () => {
    for (const each of [bench, other]) for (const number of [4, 5]) each.write(number)
    holdPuts(2)
    const statuses = await Promise.all([bench.drain(), other.drain({ storage: bench.storage })])
    for (const status of statuses) {
      expect(status).toMatchObject({ archivedCount: 2, archivedLsn: '0/600000', quarantined: [], lastError: undefined })
    }
    for (const each of [bench, other]) expect(each.files).toEqual([segmentName(5)])
    expect(bench.storage.objects.get(bench.key(4))?.equals(pagedSegment(4))).toBe(true)
    expect(bench.storage.count('get', segmentName(4))).toBe(1)
    expect(quarantined()).toEqual([])
  })

  it('keep both of two different segments of one name, one of them in quarantine and on disk', async () => {
    bench.write(4)
    other.write(4, 1, 7)
    for (const each of [bench, other]) each.write(5)
    holdPuts(2)
    const [mine, theirs] = await Promise.all([bench.drain(), other.drain({ storage: bench.storage })])
    const losers = [
      { status: mine, of: bench, bytes: pagedSegment(4) },
      { status: theirs, of: other, bytes: pagedSegment(4, 1, 7) },
    ].filter(({ status }) => status.quarantined.length > 0)
    expect(losers).toHaveLength(1)
    const [{ of, bytes, status }] = losers as [(typeof losers)[0]]
    expect(status.archivedLsn).toBe('0/400000')
    expect(local(of, 4).equals(bytes)).toBe(true)
    expect(bench.storage.objects.get(bench.key(4))?.equals(bytes)).toBe(false)
    expect(quarantined().map((key) => bench.storage.objects.get(key)?.equals(bytes))).toEqual([true])
    expect(of.logger.lines.filter((line) => line.startsWith('error:'))).toHaveLength(1)
  })

  it('put a conflict into quarantine once, however often walr is started', async () => {
    bench.storage.objects.set(bench.key(4), pagedSegment(4))
    bench.write(4, 1, 7)
    bench.write(5)
    for (let run = 1; run <= 3; run += 1) {
      const status = await bench.drain()
      expect(status.quarantined).toEqual([segmentName(4)])
      expect(quarantined()).toHaveLength(1)
      expect(local(bench, 4).equals(pagedSegment(4, 1, 7))).toBe(true)
    }
  })

  it('do not take a damaged object in quarantine for the segment', async () => {
    bench.storage.objects.set(bench.key(4), pagedSegment(4))
    bench.write(4, 1, 7)
    bench.write(5)
    await bench.drain()
    const [key = ''] = quarantined()
    bench.storage.objects.set(key, Buffer.alloc(3))
    const status = await bench.drain()
    expect(status.lastError).toMatchObject({
      code: 'WALR_OBJECT_CORRUPT',
      message: expect.stringContaining(key) as string,
    })
    expect(local(bench, 4).equals(pagedSegment(4, 1, 7))).toBe(true)
  })
})

describe('an object under the name of a segment', () => {
  const codec = new FramedCodec('.lock', 'encryption', 1)
  const codecs = new CodecPipeline([codec], [])
  const key = (): string => `${bench.key(4)}.lock`
  const encoded = async (plain = pagedSegment(4), by = codec): Promise<Buffer> => collect(by.encode(once(plain)))
  async function archiveOver(object: Buffer): ReturnType<ArchiverBench['drain']> {
    for (const number of [4, 5]) bench.write(number)
    bench.storage.objects.set(key(), object)
    const status = await bench.drain({ codecs })
    expect(bench.storage.objects.get(key())).toBe(object)
    return status
  }

  it('is the segment when it decodes to the same bytes', async () => {
    expect(await archiveOver(await encoded())).toMatchObject({ archivedCount: 2, lastError: undefined })
    expect(bench.files).toEqual([segmentName(5)])
  })

  it.each<[string, (good: Buffer) => Buffer]>([
    ['has a changed byte', (good) => Buffer.from(good.with(1000, (good[1000] ?? 0) ^ 1))],
    ['was cut by a byte', (good) => good.subarray(0, -1)],
    ['was cut in the middle', (good) => good.subarray(0, 500_000)],
    ['is empty', () => Buffer.alloc(0)],
    ['has a byte more', (good) => Buffer.concat([good, Buffer.alloc(1)])],
  ])('is damaged when it %s: the segment goes into quarantine and stays local', async (_, damage) => {
    const status = await archiveOver(damage(await encoded()))
    expect(status).toMatchObject({ quarantined: [segmentName(4)], archivedLsn: '0/400000' })
    expect(local(bench, 4).equals(pagedSegment(4))).toBe(true)
    expect(quarantined()).toHaveLength(1)
    expect(
      await collect(
        codecs.decode('.lock', once(bench.storage.objects.get(quarantined()[0] ?? '') ?? Buffer.alloc(0)), {
          objectKey: '',
          signal: bench.stop.signal,
        }),
      ),
    ).toEqual(pagedSegment(4))
    expect(bench.logger.lines.filter((line) => line.startsWith('error:'))).toEqual([
      `error: the archive has something that does not decode under the name of segment "${segmentName(4)}"`,
    ])
  })

  it.each<[string, () => Buffer]>([
    ['shorter by a page', () => pagedSegment(4).subarray(0, -8192)],
    ['longer by a byte', () => Buffer.concat([pagedSegment(4), Buffer.alloc(1)])],
    ['empty', () => Buffer.alloc(0)],
    ['different in its last byte', () => Buffer.from(pagedSegment(4).with(-1, 1))],
  ])('is other WAL when what it decodes to is %s', async (_, plain) => {
    const status = await archiveOver(await encoded(plain()))
    expect(status.quarantined).toEqual([segmentName(4)])
    expect(local(bench, 4).equals(pagedSegment(4))).toBe(true)
  })

  it('that nobody here can decrypt proves nothing: the file stays, nothing goes into quarantine', async () => {
    const status = await archiveOver(await encoded(pagedSegment(4), new FramedCodec('.lock', 'encryption', 2)))
    expect(status).toMatchObject({ lastError: { code: 'WALR_KEY' }, quarantined: [], archivedLsn: '0/400000' })
    expect(local(bench, 4).equals(pagedSegment(4))).toBe(true)
    expect(bench.files).toEqual([segmentName(4), segmentName(5)])
    expect(quarantined()).toEqual([])
  })
})

describe('a drain', () => {
  it('ends when all that is there is archived, also what comes meanwhile', async () => {
    for (let number = 4; number < 20; number += 1) bench.write(number)
    const archiver = bench.make()
    archiver.drain()
    let next = 20
    bench.storage.script = ({ operation }) => {
      if (operation !== 'put' || next >= 30) return
      bench.write(next)
      next += 1
      archiver.hint()
    }
    await archiver.run(bench.stop.signal)
    expect(archiver.status).toMatchObject({
      archivedCount: 26,
      archivedLsn: '0/1E00000',
      backlog: { files: 0, bytes: 0 },
    })
    expect(bench.files).toEqual([segmentName(29)])
  })

  it('counts what is left rightly when segments are confirmed while the directory is looked at', async () => {
    for (let number = 4; number < 44; number += 1) bench.write(number)
    const archiver = bench.make({ concurrency: 4 })
    bench.storage.script = () => archiver.hint()
    archiver.drain()
    await archiver.run(bench.stop.signal)
    expect(archiver.status.backlog).toEqual({ files: 0, bytes: 0, seconds: 0 })
  })

  it('is ended by stop while a put hangs, and the file stays', async () => {
    for (const number of [4, 5]) bench.write(number)
    let hanging = 0
    bench.storage.script = async ({ operation, key }) => {
      if (operation !== 'put' || !key.includes('/wal/')) return
      hanging += 1
      await new Promise<void>((resolve) => bench.stop.signal.addEventListener('abort', () => resolve()))
    }
    const archiver = bench.make()
    archiver.drain()
    const running = archiver.run(bench.stop.signal)
    await until(() => hanging === 2, 'two puts')
    bench.stop.abort(new DOMException('enough', 'AbortError'))
    await running
    expect(bench.files).toEqual([segmentName(4), segmentName(5)])
    expect(archiver.status).toMatchObject({
      state: 'stopped',
      archivedCount: 0,
      backlog: { files: 2 },
      lastError: undefined,
    })
  })
})
