import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { pagedSegment } from '../../archive/archiver.fixture.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { FakeConnection } from '../../replication/fake-connection.fixture.ts'
import { ReceiverStateHolder } from '../../replication/receiver-state.ts'
import { writeIdentity, type DirectoryIdentity } from '../../wal/directory-identity.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import { CLUSTER, OTHER_CLUSTER, SEGMENT, segmentName } from '../../wal/wal-bytes.fixture.ts'
import { toWalSegmentSize } from '../../wal/wal-segment-size.ts'
import { ReceiveArchive } from './receive-archive.ts'

let scratch: string
let directory: string
let logger: RecordingLogger
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'walr-receive-archive-'))
  directory = join(scratch, 'received')
  for (const name of ['received/.walr', 'archive']) mkdirSync(join(scratch, name), { recursive: true })
  logger = new RecordingLogger()
})
afterEach(() => {
  rmSync(scratch, { recursive: true })
})

const identity: DirectoryIdentity = { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT, serverVersion: '15.18' }
interface Setup {
  readonly guardSlot?: string
  readonly connectSql?: () => Promise<FakeConnection>
}
const noServer = (): Promise<never> => Promise.reject(new Error('there is no server'))
const start = ({ guardSlot, connectSql = noServer }: Setup = {}): Promise<ReceiveArchive> =>
  ReceiveArchive.start({
    disk: nodeDisk,
    directory,
    options: {
      cluster: 'main',
      archive: {
        storage: { use: 'local', path: 'archive' },
        codecs: [],
        readCodecs: [],
        concurrency: 2,
        keepLocal: { ms: 0 },
        drainTimeout: { ms: 1000 },
      },
      plugins: [],
      configFile: undefined,
      baseDirectory: scratch,
    },
    slot: undefined,
    guardSlot,
    acceptGap: false,
    connectSql,
    state: new ReceiverStateHolder(logger),
    logger,
    signal: new AbortController().signal,
  })
const archived = (): readonly string[] => {
  const folder = join(scratch, 'archive', 'main', CLUSTER, 'wal', '00000001')
  return existsSync(folder) ? readdirSync(folder) : []
}

it('archives what fills the disk, although the identity of the directory cannot be written there', async () => {
  writeFileSync(join(directory, segmentName(4)), pagedSegment(4))
  const archive = await start()
  const full = new WalrError('WALR_DISK_FULL', 'no space left on device')
  const watched = archive.watch({ check: () => Promise.resolve(), keep: () => Promise.reject(full) })
  await expect(watched.keep(identity)).rejects.toBe(full)
  await archive.stop(10_000)
  expect(archived()).toEqual([segmentName(4)])
})

describe('before the server is there', () => {
  it('what is in the directory is archived when its files agree with the identity beside them', async () => {
    await writeIdentity(nodeDisk, directory, identity)
    writeFileSync(join(directory, segmentName(4)), pagedSegment(4))
    const archive = await start()
    await archive.stop(10_000)
    expect(archived()).toEqual([segmentName(4)])
  })

  it.each<[string, Partial<DirectoryIdentity>]>([
    ['another cluster', { systemIdentifier: OTHER_CLUSTER }],
    ['another segment size', { walSegmentSize: toWalSegmentSize(2 * SEGMENT) }],
  ])('nothing is written into the archive when that identity is of %s', async (_, altered) => {
    await writeIdentity(nodeDisk, directory, { ...identity, ...altered })
    writeFileSync(join(directory, segmentName(4)), pagedSegment(4))
    const archive = await start()
    await archive.stop(10_000)
    expect(readdirSync(join(scratch, 'archive'))).toEqual([])
    expect(readdirSync(join(directory, '.walr'))).not.toContain('archive.json')
    expect(logger.lines).toContain(`info: archiving begins when the server has said whose WAL "${directory}" holds`)
  })

  it('nothing is written either when there is no segment to go by; then the server says whose WAL it is', async () => {
    await writeIdentity(nodeDisk, directory, { ...identity, systemIdentifier: OTHER_CLUSTER })
    const archive = await start()
    writeFileSync(join(directory, segmentName(4)), pagedSegment(4))
    archive.hint()
    const guard = archive.watch({ check: () => Promise.resolve(), keep: () => Promise.resolve() })
    await guard.keep(identity)
    await archive.stop(10_000)
    expect(archived()).toEqual([segmentName(4)])
    expect(readdirSync(join(scratch, 'archive', 'main'))).toEqual([CLUSTER])
  })
})

describe('with a guard slot', () => {
  const gaps = (): readonly string[] => {
    const folder = join(scratch, 'archive', 'main', CLUSTER, 'gaps')
    return existsSync(folder) ? readdirSync(folder) : []
  }
  const isGap = (line: string): boolean => line.startsWith('error: WAL is missing')

  it.each<[string, string | null, readonly string[]]>([
    ['keeps WAL, is held', '0/100000', []],
    ['is lost, is recorded', null, ['0000000000600000-0000000000800000.json']],
  ])('a gap while the server’s slot %s', async (_, restartLsn, recorded) => {
    await writeIdentity(nodeDisk, directory, identity)
    for (const number of [5, 8]) writeFileSync(join(directory, segmentName(number)), pagedSegment(number))
    const connection = new FakeConnection()
    connection.query = () => Promise.resolve([[restartLsn]])
    const archive = await start({ guardSlot: 'guard', connectSql: () => Promise.resolve(connection) })
    await vi.waitFor(() => expect(logger.lines.some(isGap)).toBe(true), 10_000)
    await archive.ensureGuardSlot()
    archive.hint()
    await vi.waitFor(() => expect(gaps()).toEqual(recorded), 10_000)
    await archive.stop(10_000)
    expect(gaps()).toEqual(recorded)
  })
})
