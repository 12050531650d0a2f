import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../errors/error-codes.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { systemError } from '../errors/system-error.ts'
import { DiskRoom } from '../wal/disk-room.ts'
import { until } from '../wal/recording.fixture.ts'
import { segmentLsn } from '../wal/wal-bytes.fixture.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'
import { FakeConnection, sendWal, serverError, type StreamScript } from './fake-connection.fixture.ts'
import { answers, ReceiverBench, SERVER_LSN, streaming } from './receiver.fixture.ts'
import { Disconnected, WalReceiver, type WalReceiverOptions } from './wal-receiver.ts'

const SOON = { firstMs: 4, maxMs: 8 }
const ENDPOS = segmentLsn(5, 1)
function receiver(
  bench: ReceiverBench,
  connect: WalReceiverOptions['connect'],
  changed: Partial<WalReceiverOptions> = {},
): WalReceiver {
  const report = (error: unknown): number => bench.reports.push(isWalrError(error) ? error.code : error)
  return new WalReceiver({
    ...bench.options({ endpos: ENDPOS }),
    connect,
    loop: true,
    report,
    backoff: SOON,
    ...changed,
  })
}
const good = (): FakeConnection => new FakeConnection(answers(SERVER_LSN), streaming(4096))
const lost: StreamScript = streaming(0, () => Promise.reject(new WalrError('WALR_CONNECTION_LOST', 'gone')))
const losing = (script = lost): FakeConnection => new FakeConnection(answers(SERVER_LSN), script)
const missing = (): FakeConnection =>
  losing(streaming(0, () => Promise.reject(serverError('58P01', 'requested WAL segment has already been removed'))))
const refused = (code: ErrorCode = 'WALR_CONNECT_FAILED'): WalrError => new WalrError(code, `refused with ${code}`)

describe('a receiver', () => {
  it('ends at the end position, and closes the connection', async () => {
    const [bench, connection] = [new ReceiverBench(), good()]
    expect(await receiver(bench, bench.connect(connection)).run()).toBe('end position')
    expect([connection.closed > 0, bench.state.status.state, bench.reports]).toEqual([true, 'stopped', []])
  })

  it('connects again after a lost stream, an attempt that fails, and a server without an answer', async () => {
    const bench = new ReceiverBench()
    const silent = new FakeConnection({ ...answers(SERVER_LSN), IDENTIFY_SYSTEM: refused('WALR_CONNECTION_LOST') })
    const first = losing()
    const run = receiver(bench, bench.connect(first, refused(), silent, good())).run()
    expect(await run).toBe('end position')
    expect([bench.attempts, bench.reports]).toEqual([
      4,
      ['WALR_CONNECTION_LOST', 'WALR_CONNECT_FAILED', 'WALR_CONNECTION_LOST'],
    ])
    expect(first.closed).toBeGreaterThan(0)
    expect(
      bench.logger.lines.filter((line) => /notice: disconnected; waiting \d\.\d seconds to try again/.test(line)),
    ).toHaveLength(3)
  })

  it('tries the first connection again as well', async () => {
    const bench = new ReceiverBench()
    expect(await receiver(bench, bench.connect(refused(), good())).run()).toBe('end position')
  })

  it.each<ErrorCode>(['WALR_FSYNC_FAILED', 'WALR_SEGMENT_CONFLICT', 'WALR_CONNECTION_SETTING', 'WALR_INTERNAL'])(
    'ends with %s, also after a stream that was up',
    async (code) => {
      const bench = new ReceiverBench()
      const running = receiver(bench, bench.connect(losing(), refused(code), good())).run()
      await expect(running).rejects.toMatchObject({ code })
      expect(bench.attempts).toBe(2)
    },
  )

  it.each<ErrorCode>([
    'WALR_AUTHENTICATION_FAILED',
    'WALR_TLS_FAILED',
    'WALR_UNSUPPORTED_SERVER',
    'WALR_WRONG_CLUSTER',
    'WALR_WRONG_SEGMENT_SIZE',
    'WALR_DIRECTORY',
  ])('ends with %s before the first stream, and tries again afterwards', async (code) => {
    const bench = new ReceiverBench()
    await expect(receiver(bench, bench.connect(refused(code), good())).run()).rejects.toMatchObject({ code })
    const later = new ReceiverBench()
    expect(await receiver(later, later.connect(losing(), refused(code), good())).run()).toBe('end position')
  })

  it.each<ErrorCode>([
    'WALR_WRITE_FAILED',
    'WALR_SLOT_MISSING',
    'WALR_TIMELINE',
    'WALR_PROTOCOL',
    'WALR_REPLICATION_COMMAND',
  ])('tries again after %s, from the beginning on', async (code) => {
    const bench = new ReceiverBench()
    expect(await receiver(bench, bench.connect(refused(code), good())).run()).toBe('end position')
    expect(bench.reports).toEqual([code])
  })

  it('ends with an error that is none of walr’s: a fault of its own', async () => {
    const bench = new ReceiverBench()
    await expect(receiver(bench, bench.connect(new TypeError('a fault'), good())).run()).rejects.toThrow('a fault')
    const later = new ReceiverBench()
    await expect(receiver(later, later.connect(losing(), new TypeError('a fault'))).run()).rejects.toThrow('a fault')
  })

  it('tries again after an error of the system once a stream was up', async () => {
    const bench = new ReceiverBench()
    const gone = systemError('ENOENT', 'open', 'segment')
    expect(await receiver(bench, bench.connect(losing(), gone, good())).run()).toBe('end position')
    const early = new ReceiverBench()
    await expect(receiver(early, early.connect(gone)).run()).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('loses nothing when it connects again: what was flushed is not asked for behind it', async () => {
    const bench = new ReceiverBench()
    const half = losing(streaming(1_048_576 + 4096, () => Promise.reject(refused('WALR_CONNECTION_LOST'))))
    const whole = new FakeConnection(answers(segmentLsn(6, 65_536)), streaming(8192))
    await receiver(bench, bench.connect(half, whole), { endpos: segmentLsn(6, 5000) }).run()
    expect(half.statuses.at(-1)?.flushed).toBe('0/600000')
    expect(whole.requests.map(({ startLsn }) => startLsn)).toEqual([segmentLsn(6)])
  })
})

describe('without the loop', () => {
  it('a lost stream is the end, and its reason was reported', async () => {
    const bench = new ReceiverBench()
    const running = receiver(bench, bench.connect(losing(), good()), { loop: false }).run()
    await expect(running).rejects.toBeInstanceOf(Disconnected)
    expect([bench.attempts, bench.reports]).toEqual([1, ['WALR_CONNECTION_LOST']])
  })

  it('so is a connection that is refused', async () => {
    const bench = new ReceiverBench()
    const running = receiver(bench, bench.connect(refused()), { loop: false }).run()
    await expect(running).rejects.toMatchObject({ message: 'disconnected' })
    expect(bench.reports).toEqual(['WALR_CONNECT_FAILED'])
  })

  it('missing WAL comes out as itself', async () => {
    const bench = new ReceiverBench()
    const one = receiver(bench, bench.connect(missing()), { loop: false })
    await expect(one.run()).rejects.toMatchObject({ code: 'WALR_WAL_GAP' })
    expect(one.missingWal).toBe(true)
  })
})

describe('missing WAL', () => {
  it('is a state of its own, and is known until a stream is up again', async () => {
    const bench = new ReceiverBench()
    const seen: string[] = []
    const note = (): string => `${bench.state.status.state} ${String(one.missingWal)}`
    const noting = (next: () => Promise<ReplicationConnection>) => (): Promise<ReplicationConnection> => {
      seen.push(note())
      return next()
    }
    const one = receiver(bench, noting(bench.connect(missing(), refused(), good())))
    await one.run()
    expect(seen).toEqual(['starting false', 'gap true', 'waiting true'])
    expect(one.missingWal).toBe(false)
  })
})

describe('stopping', () => {
  it('before the first attempt makes none', async () => {
    const bench = new ReceiverBench()
    bench.stop.abort()
    expect(await receiver(bench, bench.connect(good())).run()).toBe('interrupted')
    expect([bench.attempts, bench.state.status.state]).toEqual([0, 'stopped'])
  })

  it('ends a connection attempt at once', async () => {
    const bench = new ReceiverBench()
    const connect = (signal: AbortSignal): Promise<never> => {
      bench.attempts += 1
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
        })
      })
    }
    const running = receiver(bench, connect).run()
    await until(() => bench.attempts === 1, 'the attempt')
    bench.stop.abort(new Error('SIGTERM'))
    expect(await running).toBe('interrupted')
    expect(bench.reports).toEqual([])
  })

  it('ends the wait between two attempts at once, and makes no other', async () => {
    const bench = new ReceiverBench()
    const backoff = { firstMs: 60_000, maxMs: 60_000 }
    const running = receiver(bench, bench.connect(refused(), good()), { backoff }).run()
    await until(() => bench.logger.lines.some((line) => line.includes('waiting')), 'the wait')
    const startedMs = performance.now()
    bench.stop.abort()
    expect(await running).toBe('interrupted')
    expect([bench.attempts, performance.now() - startedMs < 200]).toEqual([1, true])
  })

  it('is no failure when the connection is lost over it, not even without the loop', async () => {
    const bench = new ReceiverBench()
    const connection = new FakeConnection({ ...answers(SERVER_LSN), IDENTIFY_SYSTEM: refused('WALR_CONNECTION_LOST') })
    const query = connection.query.bind(connection)
    connection.query = (sql) => {
      if (sql === 'IDENTIFY_SYSTEM') bench.stop.abort()
      return query(sql)
    }
    expect(await receiver(bench, bench.connect(connection), { loop: false }).run()).toBe('interrupted')
  })

  it('while the disk is full ends the stream, and acknowledges nothing of what was not written', async () => {
    const bench = new ReceiverBench()
    const room = new AbortController()
    const connection = losing(async (sink, { startLsn }) => {
      sink.onStart()
      await sendWal(sink, startLsn, 100)
      bench.disk.on({ operation: 'write', pathPattern: /-1$/ }, { error: 'ENOSPC' })
      const writing = Promise.resolve(sendWal(sink, segmentLsn(5, 100), 100))
      bench.stop.abort()
      room.abort()
      return writing.then(() => expect.unreachable())
    })
    const blocked = bench.options()

    const listener = { onFull: () => undefined, onRoom: () => undefined }
    const diskRoom = new DiskRoom({ disk: bench.disk, directory: blocked.directory, signal: room.signal, listener })
    expect(await receiver(bench, bench.connect(connection), { room: diskRoom, endpos: undefined }).run()).toBe(
      'interrupted',
    )
    expect(connection.statuses.map(({ flushed }) => flushed)).toEqual(['0/500000'])
  })

  it('in the middle of a stream ends it in good order', async () => {
    const [bench, connection] = [new ReceiverBench(), good()]
    const running = receiver(bench, bench.connect(connection), { endpos: undefined }).run()
    await until(() => connection.statuses.some(({ flushed }) => flushed === '0/501000'), 'the first flush')
    bench.stop.abort()
    expect(await running).toBe('interrupted')
    expect([connection.copyDones, bench.reports]).toEqual([1, []])
  })
})
