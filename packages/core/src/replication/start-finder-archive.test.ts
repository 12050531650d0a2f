import { beforeEach, describe, expect, it } from 'vitest'
import { WalrError } from '../errors/walr-error.ts'
import { PowerLossDisk } from '../wal/power-loss-disk.fixture.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { CLUSTER, SEGMENT, segmentLsn } from '../wal/wal-bytes.fixture.ts'
import { FakeConnection, serverError, type Rows } from './fake-connection.fixture.ts'
import { StartFinder, type StartFinderOptions } from './start-finder.ts'

const server = { systemIdentifier: CLUSTER, timelineId: toTimelineId(2), flushLsn: segmentLsn(9, 4096) }
const identity = { systemIdentifier: CLUSTER, walSegmentSize: SEGMENT, serverVersion: '15.18' }
const position = { timelineId: toTimelineId(2), startLsn: segmentLsn(7) }
const answers: Readonly<Record<string, Rows>> = {
  'TIMELINE_HISTORY 2': [['00000002.history', '1\t0/5000A0\tno reason\n']],
  'READ_REPLICATION_SLOT "guard"': [['physical', '0/612345', '2']],
}

let logger: RecordingLogger
let stop: AbortController
beforeEach(() => {
  logger = new RecordingLogger()
  stop = new AbortController()
})

function finder(changed: Partial<StartFinderOptions>, connection = new FakeConnection(answers)): StartFinder {
  return new StartFinder(connection, {
    disk: new PowerLossDisk(),
    directory: '/received',
    slot: undefined,
    acceptGap: false,
    logger,
    probeSlot: () => Promise.resolve({ state: 'unknown', restartLsn: undefined }),
    archiveTimeoutMs: 50,
    stop: stop.signal,
    ...changed,
  })
}
const unavailable = new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'connection refused')

describe('the archive asked for the start', () => {
  it('is asked for the server’s cluster and the way its timelines went', async () => {
    const asked: unknown[] = []
    const findArchiveEnd: StartFinderOptions['findArchiveEnd'] = (way) => {
      asked.push(way)
      return Promise.resolve(position)
    }
    expect(await finder({ findArchiveEnd }).readArchive(server, identity)).toEqual(position)
    expect(asked).toEqual([
      { ...identity, timelineId: 2, history: [{ timelineId: 1, switchLsn: 0x5000a0n, reason: 'no reason' }] },
    ])
  })

  it('is told when the server does not know which way its timeline came', async () => {
    const ways: unknown[] = []
    const findArchiveEnd: StartFinderOptions['findArchiveEnd'] = ({ history }) => {
      ways.push(history)
      return Promise.resolve(position)
    }
    const connection = new FakeConnection({ 'TIMELINE_HISTORY 2': serverError('58P01', 'could not open file') })
    expect(await finder({ findArchiveEnd }, connection).readArchive(server, identity)).toEqual(position)
    expect(ways).toEqual([undefined])
  })

  it('is not there without one, and without WAL', async () => {
    expect(await finder({}).readArchive(server, identity)).toBeUndefined()
    const findArchiveEnd = (): Promise<undefined> => Promise.resolve(undefined)
    expect(await finder({ findArchiveEnd }).readArchive(server, identity)).toBeUndefined()
    expect(logger.lines).toEqual(['info: the directory is empty; asking the archive where it ends'])
  })

  it('is asked again for a while when it is away, and the start is found when it is back', async () => {
    let attempts = 0
    const findArchiveEnd = (): Promise<typeof position> => {
      attempts += 1
      return attempts === 1 ? Promise.reject(unavailable) : Promise.resolve(position)
    }
    const found = await finder({ findArchiveEnd, archiveTimeoutMs: 10_000 }).readArchive(server, identity)
    expect(found).toEqual(position)
    expect(logger.lines).toEqual([
      'info: the directory is empty; asking the archive where it ends',
      'warning: the directory is empty and the archive cannot be asked: connection refused',
    ])
  })

  it.each<[string, StartFinderOptions['findArchiveEnd']]>([
    ['refuses connections', () => Promise.reject(unavailable)],
    [
      'never answers',
      (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new DOMException('too late', 'TimeoutError')))
        }),
    ],
  ])('is gone on without when it %s, which is said', async (_, findArchiveEnd) => {
    expect(await finder({ findArchiveEnd }).readArchive(server, identity)).toBeUndefined()
    expect(logger.lines.at(-1)).toBe('warning: choosing the start without the archive')
  })

  it.each(['WALR_TIMELINE', 'WALR_INTERNAL'] as const)('is not gone on without after %s', async (code) => {
    const error = new WalrError(code, 'no')
    const findArchiveEnd = (): Promise<never> => Promise.reject(error)
    await expect(finder({ findArchiveEnd }).readArchive(server, identity)).rejects.toBe(error)
  })

  it('is not waited for when walr stops', async () => {
    const reason = new DOMException('stopping', 'AbortError')
    const findArchiveEnd = (): Promise<never> => {
      setImmediate(() => stop.abort(reason))
      return Promise.reject(unavailable)
    }
    await expect(finder({ findArchiveEnd, archiveTimeoutMs: 60_000 }).readArchive(server, identity)).rejects.toBe(
      reason,
    )
  })
})

describe('the guard slot asked for the start', () => {
  it('tells what it keeps, by the replication command where SQL is not allowed', async () => {
    expect(await finder({ guardSlot: 'guard' }).readGuardSlot(server)).toEqual({
      restartLsn: 0x612345n,
      restartTimelineId: 2,
    })
    expect(await finder({}).readGuardSlot(server)).toBeUndefined()
  })

  it('tells it by SQL, with the timeline that holds it', async () => {
    const connection = new FakeConnection(answers)
    for (const [restart, timelineId] of [
      [segmentLsn(4), 1],
      [segmentLsn(6), 2],
    ] as const) {
      const probeSlot: StartFinderOptions['probeSlot'] = (name) =>
        Promise.resolve({ state: name === 'guard' ? 'reserved' : 'unknown', restartLsn: restart })
      expect(await finder({ guardSlot: 'guard', probeSlot }, connection).readGuardSlot(server)).toEqual({
        restartLsn: restart,
        restartTimelineId: timelineId,
      })
    }
  })

  it('keeps nothing once the server has given it up, whatever the replication command says', async () => {
    const probeSlot = (): Promise<{ state: 'lost'; restartLsn: undefined }> =>
      Promise.resolve({ state: 'lost', restartLsn: undefined })
    expect((await finder({ guardSlot: 'guard', probeSlot }).readGuardSlot(server))?.restartLsn).toBeUndefined()
  })
})
