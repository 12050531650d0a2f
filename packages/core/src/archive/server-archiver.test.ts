import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import { FramedCodec } from '../codec/scripted-codec.fixture.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { CLUSTER, OTHER_CLUSTER, SEGMENT, segmentBytes, segmentName } from '../wal/wal-bytes.fixture.ts'
import { ArchiverBench, pagedSegment } from './archiver.fixture.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'
import { ServerArchiver } from './server-archiver.ts'
import { parseServerFile } from './server-file.ts'
import { readServerIdentity } from './server-identity.ts'
import { InventedServer, leftSegment } from './server-place.fixture.ts'

const root = `main/${CLUSTER}`
const OURS = '1\t0/600010\tno reason\n'
const THEIRS = '1\t0/600018\tno reason\n'
const BACKUP = '000000010000000000000006.00000028.backup'

let server: InventedServer
let storage: ScriptedStorage
let logger: RecordingLogger
const signal = new AbortController().signal
beforeEach(() => {
  server = new InventedServer()
  storage = new ScriptedStorage()
  logger = new RecordingLogger()
})
afterEach(() => server.dispose())

/** As one call of the command does it. */
async function archive(name: string, codecs = new CodecPipeline([], [])): Promise<void> {
  const file = parseServerFile(name) ?? expect.unreachable()
  const identity = await readServerIdentity(nodeDisk, server, name)
  const { walDirectory } = server
  const archiver = new ServerArchiver({
    disk: nodeDisk,
    walDirectory,
    cluster: 'main',
    identity,
    storage,
    codecs,
    logger,
  })
  await archiver.begin(signal)
  await archiver.archive(file, signal)
}
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'archived',
    (error: unknown) => (isWalrError(error) ? error.code : error),
  )
const keys = (): readonly string[] => [...storage.objects.keys()].map((key) => key.slice(root.length + 1)).toSorted()
const stored = (key: string): Buffer | undefined => storage.objects.get(`${root}/${key}`)
const segmentKey = (number: number, timelineId = 1): string =>
  `wal/0000000${timelineId}/${segmentName(number, timelineId)}`

describe('the archive of a server', () => {
  it('has the id that its identity object says, for every call, once it was asked', async () => {
    const name = server.finish(4)
    const identity = await readServerIdentity(nodeDisk, server, name)
    const { walDirectory } = server
    const codecs = new CodecPipeline([], [])
    const options = { disk: nodeDisk, walDirectory, cluster: 'main', identity, storage, codecs, logger }
    const [one, other] = [new ServerArchiver(options), new ServerArchiver(options)]
    expect(() => one.archiveId).toThrow('was not asked')
    for (const archiver of [one, other]) await archiver.begin(signal)
    expect(JSON.parse(String(stored('identity.json')))).toMatchObject({ archiveId: one.archiveId })
    expect(other.archiveId).toBe(one.archiveId)
  })
})

describe('a segment of a server', () => {
  it('is stored where the receiver stores it, after the identity, and stays in pg_wal', async () => {
    const name = server.finish(4)
    await archive(name)
    expect(keys()).toEqual(['identity.json', segmentKey(4)])
    expect(stored(segmentKey(4))?.equals(pagedSegment(4))).toBe(true)
    expect(JSON.parse(stored('identity.json')?.toString() ?? '')).toMatchObject({
      systemIdentifier: CLUSTER,
      walSegmentSize: SEGMENT,
      serverVersion: '18',
    })
    expect(readFileSync(join(server.walDirectory, name)).equals(pagedSegment(4))).toBe(true)
  })

  it('is archived when the receiver has archived it, and the other way round', async () => {
    const bench = new ArchiverBench()
    try {
      for (const number of [4, 5]) bench.write(number)
      await bench.drain({ storage })
      await archive(server.finish(4))
      await archive(server.finish(6))
      for (const number of [6, 7]) bench.write(number)
      const { archivedCount } = await bench.drain({ storage })
      expect(archivedCount).toBeGreaterThanOrEqual(2)
      expect(keys()).toEqual(['identity.json', ...[4, 5, 6, 7].map((number) => segmentKey(number))])
      expect(logger.lines).toEqual([])
      expect(bench.logger.lines.filter((line) => line.startsWith('error'))).toEqual([])
    } finally {
      bench.dispose()
    }
  })

  it('is compared by its plain bytes when it comes again', async () => {
    const codecs = new CodecPipeline([new FramedCodec('.zip')], [])
    const name = server.finish(4)
    for (let call = 1; call <= 3; call += 1) await archive(name, codecs)
    expect(keys()).toEqual(['identity.json', `${segmentKey(4)}.zip`])
  })

  it('goes into quarantine when its name is taken, as often as it comes', async () => {
    storage.objects.set(`${root}/${segmentKey(4)}`, pagedSegment(4, 1, 1))
    const name = server.finish(4)
    for (let call = 1; call <= 2; call += 1) {
      const failure: unknown = await archive(name).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'WALR_ARCHIVE_CONFLICT' })
      expect((failure as { hint: string }).hint).toContain('PostgreSQL keeps its file, and tries again for ever')
    }
    expect(keys().filter((key) => key.startsWith('quarantine/'))).toHaveLength(1)
    expect(stored(segmentKey(4))?.equals(pagedSegment(4, 1, 1))).toBe(true)
    expect(logger.lines[0]).toMatch(/^error: the archive has other WAL/)
    expect(readFileSync(join(server.walDirectory, name)).equals(pagedSegment(4))).toBe(true)
  })

  it.each([
    ['of another cluster', () => segmentBytes(4, OTHER_CLUSTER), 'WALR_WRONG_CLUSTER'],
    ['at another place', () => pagedSegment(5), 'WALR_SEGMENT_CORRUPT'],
    ['cut', () => pagedSegment(4).subarray(0, SEGMENT - 1), 'WALR_SEGMENT_CORRUPT'],
    ['empty', () => Buffer.alloc(SEGMENT), 'WALR_SEGMENT_CORRUPT'],
    ['of no bytes', () => Buffer.alloc(0), 'WALR_SEGMENT_CORRUPT'],
    ['with older WAL in it', () => leftSegment(4), 'WALR_SEGMENT_CORRUPT'],
  ])('is refused when it is %s', async (_, bytes, code) => {
    server.finish(9)
    expect(await codeOf(archive(server.ready(segmentName(4), bytes())))).toBe(code)
    expect(keys()).toEqual(['identity.json'])
  })

  it('is not taken when the archive is another cluster’s', async () => {
    storage.objects.set(`${root}/identity.json`, Buffer.from('{"format":1,"systemIdentifier":"1","walSegmentSize":1}'))
    expect(await codeOf(archive(server.finish(4)))).toBe('WALR_ARCHIVE_WRONG_CLUSTER')
    expect(keys()).toEqual(['identity.json'])
  })

  it('has a name that a segment of this size can have', async () => {
    server.finish(4)
    expect(await codeOf(archive(server.ready('000000010000000000001000', '')))).toBe('WALR_WRONG_SEGMENT_SIZE')
  })
})

describe('a segment of a later timeline', () => {
  it('comes behind its history', async () => {
    server.ready('00000002.history', OURS)
    await archive(server.finish(6, 2))
    expect(keys()).toEqual(['history/00000002.history', 'identity.json', segmentKey(6, 2)])
    const puts = storage.calls.filter(({ operation }) => operation === 'put').map(({ key }) => key)
    expect(puts.slice(1)).toEqual([`${root}/history/00000002.history`, `${root}/${segmentKey(6, 2)}`])
  })

  it.each([
    ['the archive has another history of it', '00000002.history', THEIRS],
    ['is of a line that has another one', '00000003.history', `${OURS}2\t0/700010\tx\n`],
  ])('is refused when %s', async (_, historyName, text) => {
    storage.objects.set(`${root}/history/00000002.history`, Buffer.from(THEIRS))
    server.ready('00000002.history', OURS)
    server.ready(historyName, historyName === '00000002.history' ? OURS : text)
    const timelineId = Number(historyName.slice(0, 8))
    expect(await codeOf(archive(server.finish(8, timelineId)))).toBe('WALR_ARCHIVE_CONFLICT')
    expect(keys().filter((key) => key.startsWith('wal/'))).toEqual([])
    expect(await codeOf(archive(historyName))).toBe('WALR_ARCHIVE_CONFLICT')
    expect(stored('history/00000002.history')?.toString()).toBe(THEIRS)
  })

  it('is stored when the server has no history of it', async () => {
    await archive(server.finish(6, 2))
    expect(keys()).toEqual(['identity.json', segmentKey(6, 2)])
  })
})

describe('a history', () => {
  it('is stored as it is, and again', async () => {
    server.finish(6, 2)
    for (let call = 1; call <= 2; call += 1) await archive(server.ready('00000002.history', OURS))
    expect(stored('history/00000002.history')?.toString()).toBe(OURS)
  })

  it('is needed when PostgreSQL asks for it', async () => {
    server.finish(6, 2)
    await expect(archive('00000002.history')).rejects.toThrow('No such file')
  })
})

describe('a backup history', () => {
  it('is stored plain, whatever codecs there are, and again', async () => {
    server.finish(6)
    const text = 'START WAL LOCATION: 0/600028 (file 000000010000000000000006)\n'
    for (let call = 1; call <= 2; call += 1) {
      await archive(server.ready(BACKUP, text), new CodecPipeline([new FramedCodec('.zip')], []))
    }
    expect(keys()).toEqual([`backup-history/${BACKUP}`, 'identity.json'])
    expect(stored(`backup-history/${BACKUP}`)?.toString()).toBe(text)
  })

  it('goes into quarantine when there is another one', async () => {
    server.finish(6)
    await archive(server.ready(BACKUP, 'one'))
    expect(await codeOf(archive(server.ready(BACKUP, 'other')))).toBe('WALR_ARCHIVE_CONFLICT')
    expect(stored(`backup-history/${BACKUP}`)?.toString()).toBe('one')
    expect(keys().filter((key) => key.startsWith(`quarantine/${BACKUP}-`))).toHaveLength(1)
  })

  it('is short', async () => {
    server.finish(6)
    expect(await codeOf(archive(server.ready(BACKUP, Buffer.alloc(100_000))))).toBe('WALR_DIRECTORY')
  })
})

describe('a segment in which its timeline was left', () => {
  const name = segmentName(6)
  const partialKey = `partial/00000001/${name}.partial`

  it('is stored whole under a key of its own, with the leftovers behind its records', async () => {
    await archive(server.ready(`${name}.partial`, leftSegment(6)), new CodecPipeline([new FramedCodec('.zip')], []))
    expect(keys()).toEqual(['identity.json', `${partialKey}.zip`])
  })

  it('is the same when another server has other leftovers', async () => {
    await archive(server.ready(`${name}.partial`, leftSegment(6, { leftover: 3 })))
    await archive(server.ready(`${name}.partial`, leftSegment(6, { leftover: 2 })))
    await archive(server.ready(`${name}.partial`, leftSegment(6, { records: 1 })))
    expect(keys()).toEqual(['identity.json', partialKey])
    expect(stored(partialKey)?.equals(leftSegment(6, { leftover: 3 }))).toBe(true)
  })

  it('goes into quarantine when it has other records, or more', async () => {
    await archive(server.ready(`${name}.partial`, leftSegment(6)))
    expect(await codeOf(archive(server.ready(`${name}.partial`, leftSegment(6, { records: 3 }))))).toBe(
      'WALR_ARCHIVE_CONFLICT',
    )
    expect(stored(partialKey)?.equals(leftSegment(6))).toBe(true)
    expect(keys().filter((key) => key.startsWith(`quarantine/${name}.partial-`))).toHaveLength(1)
  })

  it.each([
    ['of another cluster', () => segmentBytes(6, OTHER_CLUSTER), 'WALR_WRONG_CLUSTER'],
    ['at another place', () => leftSegment(7), 'WALR_SEGMENT_CORRUPT'],
    ['cut', () => leftSegment(6).subarray(0, 8192), 'WALR_SEGMENT_CORRUPT'],
    ['empty', () => Buffer.alloc(SEGMENT), 'WALR_SEGMENT_CORRUPT'],
    ['of no bytes', () => Buffer.alloc(0), 'WALR_SEGMENT_CORRUPT'],
  ])('is refused when it is %s', async (_, bytes, code) => {
    server.finish(9)
    expect(await codeOf(archive(server.ready(`${name}.partial`, bytes())))).toBe(code)
    expect(keys()).toEqual(['identity.json'])
  })

  it.each([
    ['leftovers behind its records', () => leftSegment(6)],
    ['zeros behind its records', () => Buffer.from(leftSegment(6)).fill(0, 8192)],
  ])('is never stored as a whole one: a standby gives it under that name, with %s', async (_, bytes) => {
    server.ready('00000002.history', OURS)
    await archive(server.ready(name, bytes()))
    expect(keys()).toEqual(['identity.json', partialKey])
  })

  it('is a whole one when the server that stayed on the timeline has filled it', async () => {
    server.ready('00000002.history', OURS)
    await archive(server.finish(6))
    expect(keys()).toEqual(['identity.json', segmentKey(6)])
  })

  it('is one that the history names, and no other', async () => {
    server.ready('00000002.history', OURS)
    expect(await codeOf(archive(server.ready(segmentName(5), leftSegment(5))))).toBe('WALR_SEGMENT_CORRUPT')
    await archive(server.ready(segmentName(7), Buffer.from(pagedSegment(7)).fill(0, 8192)))
    expect(keys()).toEqual(['identity.json', segmentKey(7)])
  })
})

describe('whose WAL a server writes', () => {
  it('is said by its control file and its segments', async () => {
    server.write(segmentName(3), Buffer.alloc(SEGMENT))
    server.write(segmentName(2), segmentBytes(2, OTHER_CLUSTER))
    const name = server.finish(4)
    expect(await readServerIdentity(nodeDisk, server, server.ready('00000002.history', OURS))).toEqual({
      systemIdentifier: CLUSTER,
      walSegmentSize: SEGMENT,
      serverVersion: '18',
    })
    rmSync(join(server.walDirectory, name))
    await expect(readServerIdentity(nodeDisk, server, segmentName(2))).rejects.toThrow('no segment')
  })

  it.each(['PG_VERSION', 'global/pg_control'])('is not known without %s', async (path) => {
    const name = server.finish(4)
    truncateSync(join(server.dataDirectory, 'global/pg_control'), 7)
    rmSync(join(server.dataDirectory, path))
    await expect(readServerIdentity(nodeDisk, server, name)).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
  })

  it('is not known when the control file is cut', async () => {
    const name = server.finish(4)
    writeFileSync(join(server.dataDirectory, 'global/pg_control'), 'short')
    await expect(readServerIdentity(nodeDisk, server, name)).rejects.toThrow('too short')
  })
})
