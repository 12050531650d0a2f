import { describe, expect, it } from 'vitest'
import type { WalrError } from '../errors/walr-error.ts'
import { formatLsn, parseLsn } from '../wal/lsn.ts'
import { HISTORY_OF_TIMELINE_3 } from '../wal/postgres-facts.fixture.ts'
import { until } from '../wal/recording.fixture.ts'
import { CLUSTER, OTHER_CLUSTER, SEGMENT, segmentBytes, segmentLsn, segmentName } from '../wal/wal-bytes.fixture.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { FakeConnection, sendWal, serverError, type StreamScript } from './fake-connection.fixture.ts'
import { ReceiveSession, type SessionOptions } from './receive-session.ts'
import { answers, ReceiverBench, SERVER_LSN, streaming } from './receiver.fixture.ts'

function session(
  bench: ReceiverBench,
  connection: FakeConnection,
  changed: Partial<SessionOptions> = {},
): ReceiveSession {
  return new ReceiveSession(connection, bench.options(changed))
}
const requested = ({ requests }: FakeConnection): readonly string[] =>
  requests.map(({ slot, timelineId, startLsn }) => `${slot ?? '-'} ${timelineId} ${formatLsn(startLsn)}`)
const removed = (): WalrError => serverError('58P01', 'requested WAL segment has already been removed')
const failing =
  (error: Error): StreamScript =>
  (sink) => {
    sink.onStart()
    return Promise.reject(error)
  }
const third = (more: Parameters<typeof answers>[1] = {}): ReturnType<typeof answers> =>
  answers(parseLsn('0/A00000') ?? expect.unreachable(), {
    IDENTIFY_SYSTEM: [[CLUSTER, '3', '0/A00000', null]],
    'TIMELINE_HISTORY 3': [['00000003.history', HISTORY_OF_TIMELINE_3]],
    'TIMELINE_HISTORY 2': [['00000002.history', '1\t0/74FE98\tno recovery target specified\n']],
    ...more,
  })

describe('where a session starts', () => {
  it('is the server’s segment without files and without a slot', async () => {
    const [bench, connection] = [new ReceiverBench(), new FakeConnection(answers(SERVER_LSN), streaming(5000))]
    expect(await session(bench, connection, { endpos: segmentLsn(5, 100) }).run()).toBe('end position')
    expect(requested(connection)).toEqual(['- 1 0/500000'])
    expect(connection.statuses.at(-1)).toMatchObject({ written: '0/501388', flushed: '0/501388' })
    expect(await bench.files()).toEqual([`${segmentName(5)}.partial`])
    expect(bench.identityCalls).toEqual(['check', 'keep'])
  })

  it('is behind the files, and the names of those are durable before the first status', async () => {
    const bench = new ReceiverBench()
    bench.put(3)
    const connection = new FakeConnection(answers(SERVER_LSN), async (sink) => {
      const synced = bench.disk.operations.some(
        (each) => each.operation === 'syncDirectory' && each.path === '/received',
      )
      expect(synced).toBe(true)
      sink.onStart()
      return Promise.reject(removed())
    })
    await expect(session(bench, connection).run()).rejects.toMatchObject({ code: 'WALR_WAL_GAP' })
    expect(requested(connection)).toEqual(['- 1 0/400000'])
  })

  it('is never told to the server as flushed below what the slot keeps', async () => {
    const bench = new ReceiverBench()
    bench.put(3)
    const slot = { 'READ_REPLICATION_SLOT "walr"': [['physical', '0/400800', '1']] }
    const connection = new FakeConnection(answers(SERVER_LSN, slot), streaming(4096))
    await session(bench, connection, { slot: 'walr', endpos: segmentLsn(4, 1) }).run()
    expect(requested(connection)).toEqual(['walr 1 0/400000'])
    expect(connection.statuses[0]).toMatchObject({ written: '0/400000', flushed: '-' })
    expect(connection.statuses.at(-1)).toMatchObject({ flushed: '0/401000' })
  })

  it('needs nothing from the server when the end position lies before it', async () => {
    const [bench, connection] = [new ReceiverBench(), new FakeConnection(answers(SERVER_LSN))]
    bench.put(5)
    expect(await session(bench, connection, { endpos: segmentLsn(5, 100) }).run()).toBe('end position')
    expect(requested(connection)).toEqual([])
  })

  it('asks by SQL about a slot without a position', async () => {
    for (const haveFiles of [true, false]) {
      const [bench, connection] = [new ReceiverBench(), new FakeConnection(answers(SERVER_LSN), streaming(4096))]
      if (haveFiles) bench.put(4)
      await session(bench, connection, { slot: 'walr', endpos: segmentLsn(5, 1) }).run()
      expect(bench.probed).toEqual(['walr'])
    }
  })

  it('is refused when the files are of another cluster, and the directory is not tied to this one', async () => {
    const [bench, connection] = [new ReceiverBench(), new FakeConnection(answers(SERVER_LSN))]
    bench.put(4, '', segmentBytes(4, OTHER_CLUSTER))
    await expect(session(bench, connection).run()).rejects.toMatchObject({ code: 'WALR_WRONG_CLUSTER' })
    expect(bench.identityCalls).toEqual(['check'])
  })
})

describe('missing WAL', () => {
  it('is a gap, which is named with its first byte', async () => {
    const bench = new ReceiverBench()
    bench.put(2)
    const connection = new FakeConnection(answers(SERVER_LSN), failing(removed()))
    await expect(session(bench, connection).run()).rejects.toMatchObject({
      code: 'WALR_WAL_GAP',
      message: expect.stringContaining('WAL from 0/300000 on is no longer on the server') as unknown,
    })
    expect(await bench.gaps()).toEqual([])
  })

  it('that is accepted is recorded, and streaming goes on behind it', async () => {
    const bench = new ReceiverBench()
    bench.put(2)
    const connection = new FakeConnection(answers(SERVER_LSN), failing(removed()), streaming(4096))
    await session(bench, connection, { acceptGap: true, endpos: segmentLsn(5, 1) }).run()
    expect(requested(connection)).toEqual(['- 1 0/300000', '- 1 0/500000'])
    expect(await bench.gaps()).toEqual(['0000000000300000-0000000000500000.json'])
    expect(bench.logger.lines.join()).toContain('WAL from 0/300000 to 0/500000 is missing')
  })

  it('is not what another error means', async () => {
    const connection = new FakeConnection(answers(SERVER_LSN), failing(serverError('55006', 'slot is active')))
    await expect(session(new ReceiverBench(), connection, { acceptGap: true }).run()).rejects.toMatchObject({
      sqlState: '55006',
    })
  })

  it('is told from a missing slot', async () => {
    const connection = new FakeConnection(answers(SERVER_LSN), failing(serverError('42704', 'no such slot')))
    await expect(session(new ReceiverBench(), connection, { slot: 'walr' }).run()).rejects.toMatchObject({
      code: 'WALR_SLOT_MISSING',
    })
  })
})

describe('timelines', () => {
  const ended = (next: number, at: string): StreamScript =>
    streaming(SEGMENT, async (sink) => {
      await sink.onCopyDone()
      return { nextTimelineId: toTimelineId(next), nextTimelineStartLsn: parseLsn(at) ?? expect.unreachable() }
    })

  it('are followed from the start of the segment of the switch, with their history kept first', async () => {
    const bench = new ReceiverBench()
    bench.put(6, '', segmentBytes(6, CLUSTER, 1))
    const connection = new FakeConnection(third(), ended(2, '0/74FE98'), streaming(SEGMENT + 1))
    await session(bench, connection, { endpos: segmentLsn(8) }).run()
    expect(requested(connection)).toEqual(['- 1 0/700000', '- 2 0/700000'])
    expect(await bench.files()).toEqual(
      [segmentName(6), segmentName(7), '00000002.history', segmentName(7, 2), `${segmentName(8, 2)}.partial`].sort(),
    )
  })

  it('that do not go up are refused', async () => {
    const bench = new ReceiverBench()
    bench.put(6)
    const connection = new FakeConnection(third(), ended(1, '0/700000'))
    await expect(session(bench, connection).run()).rejects.toMatchObject({ code: 'WALR_PROTOCOL' })
  })

  it('that begin behind what was received are refused', async () => {
    const bench = new ReceiverBench()
    bench.put(6)
    const connection = new FakeConnection(third(), ended(2, '0/900000'))
    await expect(session(bench, connection).run()).rejects.toMatchObject({ code: 'WALR_PROTOCOL' })
  })
})

describe('the end of a session', () => {
  it('that the user wants is orderly: everything flushed, reported, CopyDone', async () => {
    const [bench, connection] = [new ReceiverBench(), new FakeConnection(answers(SERVER_LSN), streaming(4096))]
    const running = session(bench, connection).run()
    await until(() => connection.statuses.some(({ flushed }) => flushed === '0/501000'), 'the first flush')
    bench.stop.abort()
    expect(await running).toBe('interrupted')
    expect(connection.copyDones).toBe(1)
  })

  it('that the user wanted meanwhile is not forgotten while the history is fetched', async () => {
    const bench = new ReceiverBench()
    bench.put(8, '', segmentBytes(8), 3)
    const connection = new FakeConnection(third(), streaming(0))
    const query = connection.query.bind(connection)
    let histories = 0
    connection.query = (sql) => {
      if (sql === 'TIMELINE_HISTORY 3' && (histories += 1) === 2) bench.stop.abort()
      return query(sql)
    }
    expect(await session(bench, connection).run()).toBe('interrupted')
    expect(histories).toBe(2)
    expect(connection.requests).toEqual([])
  })

  it('that fails in an fsync is no good end, though the user wanted to stop', async () => {
    const bench = new ReceiverBench()
    const connection = new FakeConnection(answers(SERVER_LSN), async (sink, { startLsn }, fake) => {
      sink.onStart()
      await sendWal(sink, startLsn, 100)
      // Past the page cache writing and syncing are one.
      bench.disk.on({ operation: 'write' }, { error: 'EIO' })
      // Nor can anything be cleaned up on such a disk.
      bench.disk.on({ operation: 'remove' }, { error: 'EROFS' })
      bench.stop.abort()
      await fake.copyDone
      return { nextTimelineId: undefined, nextTimelineStartLsn: undefined }
    })
    await expect(session(bench, connection).run()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(connection.statuses.map(({ flushed }) => flushed)).toEqual(['0/500000'])
  })

  it('that is a conflict is no good end, though the end position was passed', async () => {
    const bench = new ReceiverBench()
    bench.put(4)
    const stream = streaming(SEGMENT + 10)
    const connection = new FakeConnection(answers(SERVER_LSN), (...args) => {
      bench.put(5, '', Buffer.alloc(1000))
      return stream(...args)
    })
    await expect(session(bench, connection, { endpos: segmentLsn(5, 1) }).run()).rejects.toMatchObject({
      code: 'WALR_SEGMENT_CONFLICT',
    })
  })

  it('leaves no file open and no spare behind', async () => {
    const [bench, connection] = [
      new ReceiverBench(),
      new FakeConnection(
        answers(SERVER_LSN),
        streaming(100, () => Promise.reject(removed())),
      ),
    ]
    await expect(session(bench, connection).run()).rejects.toThrow()
    const count = (operation: string): number =>
      bench.disk.operations.filter((each) => each.operation === operation).length
    expect(count('close')).toBe(count('open'))
    expect(await bench.memory.list('/received/.walr')).toEqual([])
  })

  it('by a server that ends the stream without a next timeline is a lost connection', async () => {
    const connection = new FakeConnection(answers(SERVER_LSN), () =>
      Promise.resolve({ nextTimelineId: undefined, nextTimelineStartLsn: undefined }),
    )
    await expect(session(new ReceiverBench(), connection).run()).rejects.toMatchObject({
      code: 'WALR_CONNECTION_LOST',
      message: 'replication stream was terminated before stop point',
    })
  })
})
