import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { StartReplication } from '../../packages/core/src/replication/connection/replication-connection.ts'
import { toLsn } from '../../packages/core/src/wal/lsn.ts'
import { toTimelineId } from '../../packages/core/src/wal/timeline-id.ts'
import { commandComplete, readyForQuery, resultRow } from '../support/backend-messages.ts'
import { MadeUpWal } from '../support/made-up-wal.ts'
import { startScriptedWalsender, type ScriptedWalsender, type WalsenderScript } from '../support/scripted-walsender.ts'
import type { WalsenderSession } from '../support/walsender-session.ts'
import { connectForTest } from './connect-for-test.ts'
import { RecordingSink } from './recording-sink.ts'
import { containing } from './matchers.ts'

const START = 0x1000000n
const REQUEST: StartReplication = { slot: undefined, startLsn: toLsn(START), timelineId: toTimelineId(1) }
const wal = new MadeUpWal()
const open: ScriptedWalsender[] = []
afterEach(async () => {
  for (const walsender of open.splice(0)) {
    await walsender[Symbol.asyncDispose]()
    expect(walsender.failures).toEqual([])
  }
})

async function walsender(
  startReplication: (session: WalsenderSession) => Promise<void>,
  more: Partial<WalsenderScript> = {},
): Promise<ScriptedWalsender> {
  const started = await startScriptedWalsender({ wal, flushLsn: START, startReplication, ...more })
  open.push(started)
  return started
}

describe('a stream', () => {
  it('hands over every byte, however the network cuts them', async () => {
    const bytes = wal.read(START, START + 300_000n)
    for (const chunkBytes of [1_000_000, 65_536, 4_099, 61]) {
      const server = await walsender(
        async (session) => {
          await session.copyBoth()
          await session.sendWal(START, bytes)
          await session.copyDone()
          await session.clientCopyDone()
          await session.stopped()
        },
        { pace: { chunkBytes } },
      )
      await using connection = await connectForTest(server.conninfo)
      const sink = new RecordingSink()
      const end = await connection.startReplication(REQUEST, sink)
      expect(end).toEqual({ nextTimelineId: undefined, nextTimelineStartLsn: undefined })
      expect([sink.walBytes, sink.digest()]).toEqual([bytes.length, createHash('sha256').update(bytes).digest('hex')])
      expect(sink.events).toEqual(['start', 'wal 0/1000000', 'wal 0/1020000', 'wal 0/1040000', 'copy done'])
    }
  })

  it('waits for a slow sink, and calls it for one thing at a time', async () => {
    const bytes = wal.read(START, START + 3_000_000n)
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.sendWal(START, bytes)
      await session.keepalive(START)
      await session.copyDone()
      await session.clientCopyDone()
      await session.stopped()
    })
    await using connection = await connectForTest(server.conninfo)
    const slow = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn++) await nextTurn()
    }
    const sink = new RecordingSink({ onWalData: slow, onKeepalive: slow, onReadEnd: slow, onCopyDone: slow })
    await connection.startReplication(REQUEST, sink)
    expect(sink.overlapCount).toBe(0)
    expect(sink.digest()).toBe(createHash('sha256').update(bytes).digest('hex'))
    expect(sink.events.slice(-2)).toEqual(['keepalive', 'copy done'])
  })

  it('reports the next timeline, from the result set after both CopyDones', async () => {
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.copyDone()
      await session.clientCopyDone()
      await session.notice({ message: 'by the way' })
      await session.nextTimeline(3, 0x1_0000_0028n)
    })
    await using connection = await connectForTest(server.conninfo)
    const end = await connection.startReplication(REQUEST, new RecordingSink())
    expect(end).toEqual({ nextTimelineId: 3, nextTimelineStartLsn: 0x1_0000_0028n })
    expect(await connection.query('IDENTIFY_SYSTEM')).toHaveLength(1)
  })

  it('reports the next timeline when there is no stream at all', async () => {
    const server = await walsender((session) => session.nextTimeline(2, START))
    await using connection = await connectForTest(server.conninfo)
    const sink = new RecordingSink()
    const end = await connection.startReplication(REQUEST, sink)
    expect(end).toEqual({ nextTimelineId: 2, nextTimelineStartLsn: START })
    expect(sink.startCount).toBe(0)
  })

  it.each([['x', '0/0'], ['0', '0/0'], ['4294967296', '0/0'], ['2', '0'], [null, null], ['2']])(
    'refuses the result set [%s, %s], and the connection with it',
    async (...row) => {
      const columns = row.map((_, index) => `column${index}`)
      const server = await walsender((session) =>
        session.raw(resultRow(columns, row), commandComplete('x'), readyForQuery()),
      )
      await using connection = await connectForTest(server.conninfo)
      await expect(connection.startReplication(REQUEST, new RecordingSink())).rejects.toMatchObject({
        code: 'WALR_PROTOCOL',
      })
      await server.sessions[0]?.untilClosed()
    },
  )

  it('ends when the client wants it; what still arrives is thrown away', async () => {
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.sendWal(START, wal.read(START, START + 8192n))
      await session.clientCopyDone()
      await session.sendWal(START + 8192n, wal.read(START + 8192n, START + 500_000n))
      await session.keepalive(START)
      await session.copyDone()
      await session.stopped()
    })
    await using connection = await connectForTest(server.conninfo)
    const sink = new RecordingSink({
      onReadEnd: ({ walBytes }) => (walBytes > 0 ? connection.sendCopyDone() : undefined),
    })
    await connection.startReplication(REQUEST, sink)
    connection.sendCopyDone()
    connection.sendCopyData(Buffer.alloc(34))
    expect(sink.walBytes).toBe(8192)
    expect(sink.events).toEqual(['start', 'wal 0/1000000'])
    expect(server.sessions[0]?.copyDoneCount).toBe(1)
    expect(await connection.query('IDENTIFY_SYSTEM')).toHaveLength(1)
  })

  it('carries status messages while it lasts, each whole', async () => {
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.status(({ writtenLsn }) => writtenLsn === 999n)
      await session.copyDone()
      await session.clientCopyDone()
      await session.stopped()
    })
    await using connection = await connectForTest(server.conninfo)
    connection.sendCopyData(Buffer.alloc(34))
    const sink = new RecordingSink()
    const stream = connection.startReplication(REQUEST, sink)
    while (sink.startCount === 0) await nextTurn()
    const status = Buffer.alloc(34, 'r')
    for (let lsn = 0n; lsn < 1000n; lsn++) {
      status.writeBigUInt64BE(lsn, 1)
      connection.sendCopyData(status)
      if (lsn % 100n === 0n) await nextTurn()
    }
    await stream
    const written = server.sessions[0]?.statuses.map(({ writtenLsn }) => writtenLsn)
    expect(written).toEqual(Array.from({ length: 1000 }, (_, lsn) => BigInt(lsn)))
  })
})

describe('a stream that fails', () => {
  it('before it starts leaves the connection usable', async () => {
    const server = await walsender((session) =>
      session.error({ sqlState: '55006', message: 'replication slot "s" is active for PID 7', hint: 'h', detail: 'd' }),
    )
    await using connection = await connectForTest(server.conninfo)
    const request = { ...REQUEST, slot: 's' }
    await expect(connection.startReplication(request, new RecordingSink())).rejects.toMatchObject({
      code: 'WALR_REPLICATION_COMMAND',
      sqlState: '55006',
      hint: 'h',
      detail: 'd',
      message:
        'could not send replication command "START_REPLICATION": ERROR:  replication slot "s" is active for PID 7',
    })
    expect(server.sessions[0]?.queries.at(-1)).toBe('START_REPLICATION SLOT "s" PHYSICAL 0/1000000 TIMELINE 1')
    expect(await connection.query('IDENTIFY_SYSTEM')).toHaveLength(1)
  })

  it('after it has started leaves the connection usable, too', async () => {
    const message = 'requested WAL segment 000000010000000000000010 has already been removed'
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.sendWal(START, wal.read(START, START + 100n))
      await session.error({ sqlState: '58P01', message })
    })
    await using connection = await connectForTest(server.conninfo)
    await expect(connection.startReplication(REQUEST, new RecordingSink())).rejects.toMatchObject({
      code: 'WALR_REPLICATION_COMMAND',
      sqlState: '58P01',
      message: `unexpected termination of replication stream: ERROR:  ${message}`,
    })
    expect(await connection.query('IDENTIFY_SYSTEM')).toHaveLength(1)
  })

  it.each([
    [
      'a controlled shutdown',
      (session: WalsenderSession) => session.shutDown(),
      'replication stream was terminated before stop point',
    ],
    [
      'a fatal error',
      (session: WalsenderSession) => session.fatal({ sqlState: '57P01', message: 'terminating connection' }),
      'unexpected termination of replication stream: FATAL:  terminating connection',
    ],
    [
      'the end of the connection',
      (session: WalsenderSession) => {
        session.end()
        return Promise.resolve()
      },
      'could not receive data from WAL stream: server closed the connection unexpectedly',
    ],
    [
      'a reset',
      (session: WalsenderSession) => {
        session.reset()
        return Promise.resolve()
      },
      'could not receive data from WAL stream: connection to server was lost: Connection reset by peer',
    ],
  ])('by %s is a lost connection, for this and for the next command', async (_, how, message) => {
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.sendWal(START, wal.read(START, START + 100n))
      await session.status(() => true)
      await how(session)
    })
    await using connection = await connectForTest(server.conninfo)
    const sink = new RecordingSink({
      onWalData: () => connection.sendCopyData(Buffer.from('r'.padEnd(34, '\0'))),
    })
    await expect(connection.startReplication(REQUEST, sink)).rejects.toMatchObject({
      code: 'WALR_CONNECTION_LOST',
      message,
    })
    expect(sink.walBytes).toBe(100)
    await expect(connection.query('IDENTIFY_SYSTEM')).rejects.toMatchObject({ code: 'WALR_CONNECTION_LOST' })
  })

  it('by a sink that throws or rejects ends with that error, and takes the connection along', async () => {
    const full = new Error('no room')
    for (const onWalData of [
      (): void => {
        throw full
      },
      () => Promise.reject(full),
    ]) {
      const server = await walsender(async (session) => {
        await session.copyBoth()
        await session.sendWal(START, wal.read(START, START + 1_000_000n))
      })
      await using connection = await connectForTest(server.conninfo)
      await expect(connection.startReplication(REQUEST, new RecordingSink({ onWalData }))).rejects.toBe(full)
      await server.sessions[0]?.untilClosed()
    }
  })

  it('by rubbish is a protocol error, and nothing of it is handed over', async () => {
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.raw(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    await using connection = await connectForTest(server.conninfo)
    const sink = new RecordingSink()
    await expect(connection.startReplication(REQUEST, sink)).rejects.toMatchObject({ code: 'WALR_PROTOCOL' })
    expect(sink.walBytes).toBe(0)
  })

  it('by an abort ends with its reason, but not before the sink is done', async () => {
    const server = await walsender(async (session) => {
      await session.copyBoth()
      await session.sendWal(START, wal.read(START, START + 1000n))
    })
    const abort = new AbortController()
    const work = Promise.withResolvers<void>()
    await using connection = await connectForTest(server.conninfo, { signal: abort.signal })
    const sink = new RecordingSink({ onWalData: () => work.promise })
    let ended = false
    const stream = connection.startReplication(REQUEST, sink).finally(() => (ended = true))
    stream.catch(() => undefined)
    while (sink.walBytes === 0) await nextTurn()
    const reason = new Error('enough')
    abort.abort(reason)
    await server.sessions[0]?.untilClosed()
    expect(ended).toBe(false)
    work.resolve()
    await expect(stream).rejects.toBe(reason)
  })
})

describe('commands', () => {
  it('take notices and parameters anywhere, and raw bytes in a result', async () => {
    const history = '1\t0/D04BC0\tno recovery target specified ü\n'
    const server = await walsender(() => Promise.resolve(), { histories: { 2: history } })
    const log: string[] = []
    await using connection = await connectForTest(server.conninfo, { log })
    await server.sessions[0]?.notice({ severity: 'WARNING', message: 'careful' })
    await server.sessions[0]?.parameterStatus('in_hot_standby', 'off')
    expect(await connection.query('TIMELINE_HISTORY 2')).toEqual([['00000002.history', history]])
    expect(log).toEqual(['warning: careful'])
  })

  it('may fail after the row description has come', async () => {
    const server = await walsender(() => Promise.resolve(), {
      answer: (sql) => (sql === 'TIMELINE_HISTORY 9' ? resultRow(['filename', 'content']) : undefined),
    })
    await using connection = await connectForTest(server.conninfo)
    const query = connection.query('TIMELINE_HISTORY 9')
    await server.sessions[0]?.error({ sqlState: '58P01', message: 'could not open file' })
    await expect(query).rejects.toMatchObject({ code: 'WALR_REPLICATION_COMMAND', sqlState: '58P01' })
    expect(await connection.query('IDENTIFY_SYSTEM')).toHaveLength(1)
  })

  it('run one at a time', async () => {
    const server = await walsender(() => Promise.resolve())
    await using connection = await connectForTest(server.conninfo)
    const first = connection.query('IDENTIFY_SYSTEM')
    await expect(connection.query('IDENTIFY_SYSTEM')).rejects.toMatchObject({ code: 'WALR_INTERNAL' })
    expect(await first).toHaveLength(1)
  })

  it('end with Terminate when the connection is closed, however often', async () => {
    const server = await walsender(() => Promise.resolve())
    const connection = await connectForTest(server.conninfo)
    await Promise.all([connection.close(), connection.close()])
    await server.sessions[0]?.untilClosed()
    expect(server.sessions[0]?.terminated).toBe(true)
    await connection.close()
  })
})

describe('a server that walr does not take', () => {
  it.each(['9.6.24', '12.22', 'whatever'])('is one of version %s', async (serverVersion) => {
    const server = await walsender(() => Promise.resolve(), { serverVersion })
    await expect(connectForTest(server.conninfo)).rejects.toMatchObject({
      code: 'WALR_UNSUPPORTED_SERVER',
      message: containing(`incompatible server version "${serverVersion}"`),
    })
  })

  it.each(['13.0', '19devel', '20.1'])('is not one of version %s', async (serverVersion) => {
    const server = await walsender(() => Promise.resolve(), { serverVersion })
    await using connection = await connectForTest(server.conninfo)
    expect(connection.serverVersion).toBe(serverVersion)
  })
})
