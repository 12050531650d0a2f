import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WalrError } from '../errors/walr-error.ts'
import { formatLsn } from '../wal/lsn.ts'
import { RecordingLogger, until } from '../wal/recording.fixture.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { segmentLsn, segmentName } from '../wal/wal-bytes.fixture.ts'
import { FakeConnection, serverError, type Rows } from './fake-connection.fixture.ts'
import { GuardSlot, type ConfirmedPosition } from './guard-slot.ts'

const LOOK =
  "SELECT CASE WHEN wal_status <> 'lost' THEN restart_lsn END FROM pg_catalog.pg_replication_slots WHERE slot_name = 'gua''rd'"
const CREATE = "SELECT pg_catalog.pg_create_physical_replication_slot('gua''rd', true)"
const lsn = (number: number): string => formatLsn(segmentLsn(number))
const position = (number: number, timelineId = 1): ConfirmedPosition => ({
  timelineId: toTimelineId(timelineId),
  lsn: segmentLsn(number),
})
const advance = (number: number): string =>
  `SELECT end_lsn FROM pg_catalog.pg_replication_slot_advance('gua''rd', '${lsn(number)}')`

/** A server that answers in order, each connection anew; `undefined` never answers. */
class Server {
  readonly connections: FakeConnection[] = []
  answers: Readonly<Record<string, Rows | Error | undefined>> = {}
  /** What it writes, and what it replays. */
  timeline: Rows = [[segmentName(9), '1']]
  refusal: Error | undefined
  active = 0
  most = 0

  connect = async (signal: AbortSignal): Promise<FakeConnection> => {
    await Promise.resolve()
    signal.throwIfAborted()
    if (this.refusal) throw this.refusal
    const { answers } = this
    const connection = new FakeConnection()
    connection.query = async (sql) => {
      connection.queries.push(sql)
      this.active += 1
      this.most = Math.max(this.most, this.active)
      try {
        await delay(1)
        const answer = sql.includes('pg_walfile_name') ? this.timeline : answers[sql]
        if (answer instanceof Error) throw answer
        if (answer) return answer
        // As the real one: the signal that it was connected with ends it.
        return await new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(new WalrError('WALR_CONNECTION_LOST', 'cut off')))
        })
      } finally {
        this.active -= 1
      }
    }
    this.connections.push(connection)
    return connection
  }

  get queries(): readonly string[] {
    return this.connections.flatMap((connection) => connection.queries)
  }
}

/** The slot stands at the start of this segment. */
const at = (number: number): Rows => [[lsn(number)]]
let server: Server
let logger: RecordingLogger
let stop: AbortController
beforeEach(() => {
  server = new Server()
  logger = new RecordingLogger()
  stop = new AbortController()
})
afterEach(() => {
  stop.abort()
  // However it ended, no connection is left open.
  for (const connection of server.connections) expect(connection.closed).toBe(1)
})
const make = (intervalMs = 1, lookMs = 60_000): GuardSlot =>
  new GuardSlot({ name: "gua'rd", connectSql: server.connect, logger, signal: stop.signal, intervalMs, lookMs })
const moves = (): readonly string[] => server.queries.filter((sql) => sql.includes('advance'))

describe('the guard slot', () => {
  it('is created when it is missing, keeping WAL at once, and left alone when it is there', async () => {
    server.answers = { [LOOK]: [], [CREATE]: [['(guard,)']] }
    await make().ensure()
    expect(server.queries).toEqual([LOOK, CREATE])
    expect(logger.lines[0]).toContain('notice: created the guard slot')
    server.answers = { [LOOK]: at(4) }
    await make().ensure()
    expect(server.queries.slice(2)).toEqual([LOOK])
  })

  it('keeps what the stream’s slot keeps when it is created beside one, and WAL from now on beside one that keeps none', async () => {
    const ofStream = LOOK.replace("'gua''rd'", "'walr'")
    const copy = "SELECT pg_catalog.pg_copy_physical_replication_slot('walr', 'gua''rd')"
    const both: readonly (readonly [Rows, string])[] = [
      [at(4), copy],
      [[[null]], CREATE],
      [[], CREATE],
    ]
    for (const [rows, creation] of both) {
      server.answers = { [LOOK]: [], [ofStream]: rows, [creation]: [['(guard,)']] }
      await new GuardSlot({
        ...{ name: "gua'rd", streamSlot: 'walr', connectSql: server.connect, logger, signal: stop.signal },
      }).ensure()
      expect(server.queries.at(-1)).toBe(creation)
    }
    expect(logger.lines[0]).toContain(`keeps WAL from ${lsn(4)} on`)
  })

  it('is looked at now and then although there is nothing to move, and its loss is told at once and once', async () => {
    server.answers = { [LOOK]: at(4) }
    const changes = vi.fn()
    const guard = new GuardSlot({
      ...{ name: "gua'rd", connectSql: server.connect, logger, signal: stop.signal },
      ...{ intervalMs: 1, lookMs: 5, onStatus: changes },
    })
    await guard.ensure()
    expect(guard.status).toEqual({ slot: "gua'rd", lsn: lsn(4), trouble: undefined })
    await until(() => server.connections.length >= 3, 'two more looks')
    expect(logger.lines).toEqual([])
    server.answers = { [LOOK]: [[null]] }
    await until(() => logger.lines.length >= 3, 'the loss, and a few looks more')
    expect(logger.lines.filter((line) => line.startsWith('warning:'))).toHaveLength(1)
    expect(guard.status.trouble).toMatchObject({ code: 'WALR_SLOT_INVALID', since: expect.any(String) as string })
    expect(changes).toHaveBeenCalled()
    server.answers = { [LOOK]: at(5) }
    await until(() => guard.status.trouble === undefined, 'the slot is well again')
    expect(guard.status.lsn).toBe(lsn(5))
    await guard.close(1000)
  })

  it('that was lost before walr started is told at the start', async () => {
    server.answers = { [LOOK]: [[null]] }
    const guard = make()
    await guard.ensure()
    expect(logger.lines).toEqual([expect.stringMatching(/^warning: .*keeps no WAL/)])
    expect(guard.status.trouble?.code).toBe('WALR_SLOT_INVALID')
    await guard.close(1000)
  })

  it('may be created by somebody else meanwhile, and is an error when it cannot be', async () => {
    server.answers = { [LOOK]: [], [CREATE]: serverError('42710', 'already exists') }
    await make().ensure()
    const full = serverError('53400', 'all replication slots are in use')
    server.answers = { [LOOK]: [], [CREATE]: full }
    await expect(make().ensure()).rejects.toBe(full)
  })

  it('is moved to what the archive has confirmed, and not back', async () => {
    server.answers = { [LOOK]: at(1), [advance(4)]: at(4), [advance(6)]: at(6) }
    const guard = make()
    guard.confirm(position(4))
    await until(() => moves().length === 1, 'the first move')
    guard.confirm(position(3))
    guard.confirm(position(4))
    guard.confirm(position(6))
    await until(() => moves().length === 2, 'the second move')
    await guard.close(1000)
    expect(moves()).toEqual([advance(4), advance(6)])
  })

  it('moves once for many confirmations, one move at a time, and at the end to the last of them', async () => {
    server.answers = { [LOOK]: at(1) }
    for (let number = 1; number <= 50; number += 1) {
      server.answers = { ...server.answers, [advance(number)]: at(number) }
    }
    const guard = make(60_000)
    for (let number = 1; number <= 50; number += 1) {
      guard.confirm(position(number))
      if (number === 10) await until(() => moves().length === 1, 'the first move')
    }
    await guard.close(1000)
    expect(moves()).toEqual([advance(10), advance(50)])
    expect(server.most).toBe(1)
  })

  it('is not moved when it is already there or further', async () => {
    server.answers = { [LOOK]: at(4) }
    const guard = make()
    guard.confirm(position(4))
    await guard.close(1000)
    expect(server.queries).toEqual([LOOK])
  })

  it('asks nothing when nothing was confirmed, or nothing since the last move', async () => {
    await make().close(1000)
    server.answers = { [LOOK]: at(1), [advance(4)]: at(4) }
    const guard = make()
    guard.confirm(position(4))
    await until(() => moves().length === 1 && server.active === 0, 'the move')
    await guard.close(1000)
    expect(server.connections).toHaveLength(1)
  })

  it.each<[string, Rows, string]>([
    ['is missing', [], 'replication slot "gua\'rd" does not exist'],
    ['has lost its WAL', [[null]], 'keeps no WAL'],
  ])('is not moved when it %s, and that is told once', async (_, rows, text) => {
    server.answers = { [CREATE]: [['(guard,)']], [LOOK]: rows }
    const guard = make()
    await guard.ensure()
    guard.confirm(position(4))
    await until(() => logger.lines.some((line) => line.startsWith('debug:')), 'another attempt')
    await guard.close(1000)
    expect(logger.lines.filter((line) => line.startsWith('warning:'))).toEqual([expect.stringContaining(text)])
    expect(moves()).toEqual([])
  })

  it('is not missed before it could be made', async () => {
    server.answers = { [LOOK]: [] }
    const guard = make()
    guard.confirm(position(4))
    await until(() => server.connections.length >= 2, 'two visits')
    await guard.close(1000)
    expect(guard.status.trouble).toBeUndefined()
    expect(logger.lines).toEqual([])
  })

  it('is moved when the server is back, and says so', async () => {
    server.refusal = new WalrError('WALR_CONNECT_FAILED', 'connection refused')
    const guard = make()
    guard.confirm(position(4))
    await until(() => logger.lines.length > 2, 'a few attempts')
    expect(logger.lines.filter((line) => line.startsWith('warning:'))).toHaveLength(1)
    server.answers = { [LOOK]: at(1), [advance(4)]: at(4) }
    server.refusal = undefined
    await until(() => logger.lines.some((line) => line.includes('is well again')), 'the move')
    await guard.close(1000)
    expect(moves()).toEqual([advance(4)])
  })

  it('does not keep a walr that stops waiting for a server that does not answer', { timeout: 5000 }, async () => {
    const guard = make()
    guard.confirm(position(4))
    await until(() => server.active === 1, 'a move that hangs')
    await guard.close(20)
    expect(server.active).toBe(0)
    const another = make(60_000)
    another.confirm(position(4))
    await another.close(20)
    expect(server.active).toBe(0)
  })

  it('is moved a last time although walr is stopping', async () => {
    server.answers = { [LOOK]: at(1), [advance(4)]: at(4) }
    const guard = make(60_000)
    guard.confirm(position(4))
    stop.abort(new DOMException('stopping', 'AbortError'))
    await guard.close(1000)
    expect(moves()).toEqual([advance(4)])
  })

  it.each<[string, Rows]>([
    ['primary on a newer timeline', [[segmentName(9, 2), '1']]],
    ['standby on a newer timeline', [[null, '2']]],
    ['primary on an older timeline', [[segmentName(9, 1), '1']]],
  ])('is not moved on a %s than what was confirmed', async (_, timeline) => {
    server.timeline = timeline
    server.answers = { [LOOK]: at(1), [advance(6)]: at(6) }
    const guard = make()
    guard.confirm(position(6, timeline[0]?.[0] === segmentName(9, 1) ? 2 : 1))
    await until(() => guard.status.lsn === lsn(1), 'a look')
    await guard.close(1000)
    expect(moves()).toEqual([])
    expect(logger.lines).toEqual([expect.stringMatching(/^debug: .* waits$/)])
  })

  it('is moved on a standby that is on the timeline of what was confirmed', async () => {
    server.timeline = [[null, '1']]
    server.answers = { [LOOK]: at(1), [advance(6)]: at(6) }
    const guard = make()
    guard.confirm(position(6))
    await until(() => moves().length === 1, 'the move')
    await guard.close(1000)
  })

  it('follows on a new primary what was confirmed on the way to its timeline, although that is less', async () => {
    server.answers = { [LOOK]: at(1), [advance(27)]: at(27) }
    const guard = make()
    guard.confirm(position(27))
    await until(() => moves().length === 1 && server.active === 0, 'the move on the old primary')
    server.timeline = [[segmentName(7, 2), '1']]
    server.answers = { [LOOK]: at(5), [advance(27)]: at(27), [advance(7)]: at(7), [advance(9)]: at(9) }
    await guard.ensure()
    await until(() => logger.lines.some((line) => line.includes('waits')), 'a look at the new primary’s slot')
    guard.confirm(position(7, 2))
    await until(() => moves().length === 2 && server.active === 0, 'the move to the switch')
    guard.confirm(position(9, 2))
    await guard.close(1000)
    expect(moves()).toEqual([advance(27), advance(7), advance(9)])
  })

  it('of another server is moved although nothing more was confirmed', async () => {
    server.answers = { [LOOK]: at(1), [advance(6)]: at(6) }
    const guard = make()
    guard.confirm(position(6))
    await until(() => moves().length === 1 && server.active === 0, 'the move on the first server')
    await guard.ensure()
    await until(() => moves().length === 2, 'the move on the second server')
    await guard.close(1000)
  })

  it('is left alone once it was closed', async () => {
    server.answers = { [LOOK]: at(1), [advance(4)]: at(4) }
    const guard = make()
    await guard.close(1000)
    vi.useFakeTimers()
    guard.confirm(position(4))
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
    expect(server.connections).toEqual([])
  })
})
