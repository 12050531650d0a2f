import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ReceiverInProcess } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { endWhenAsked, SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

describe('a server that falls silent in the middle of a stream', () => {
  it('is asked for a reply after half of wal_sender_timeout and given up after all of it', async () => {
    let silentSinceMs = 0
    await using server = await startStreamServer({
      walSenderTimeout: '1s',
      startReplication: async (session, request) => {
        if (request.attempt > 1) return streamTo(session, request, START + SEGMENT)
        await session.copyBoth()
        await session.sendWal(request.startLsn, wal.read(request.startLsn, START + 5000n))
        silentSinceMs = performance.now()
      },
    })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory)
    const session = await server.session()
    const ping = await session.status(({ replyRequested }) => replyRequested)
    expect(ping).toMatchObject({ writtenLsn: START + 5000n, flushedLsn: START + 5000n })
    expect(ping.receivedAtMs - silentSinceMs).toBeGreaterThan(450)
    await walr.waitForLine(/^walr: error: nothing received from the server for 1 s$/)
    expect(walr.stderr).toContain('walr: code: WALR_CONNECTION_LOST')
    await session.untilClosed()
    expect(performance.now() - silentSinceMs).toBeGreaterThan(950)
    await walr.waitForLine(/finished segment at 0\/1100000/)
    expect(await walr.stop()).toBe(0)
    directory.expectSegment(segmentName(START), wal, START)
    expect(server.failures).toEqual([])
  })

  it('is kept when it answers the request for a reply', async () => {
    await using server = await startStreamServer({
      walSenderTimeout: '400ms',
      startReplication: async (session) => {
        await session.copyBoth()
        for (let answered = 0; answered < 4; answered++) {
          const before = session.statuses.length
          await session.status(({ replyRequested }) => replyRequested, { from: before })
          await session.keepalive(START)
        }
        await session.sendWal(START, wal.segment(START))
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { statusIntervalMs: 0 })
    await receiver.logged(/finished segment at 0\/1100000/)
    expect(receiver.reported).toEqual([])
    expect(server.sessions).toHaveLength(1)
  })
})

describe('a connection that is half open', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it.each(['SHOW data_directory_mode', 'IDENTIFY_SYSTEM', 'READ_REPLICATION_SLOT "keep"', 'START_REPLICATION'])(
    'is given up after a minute when nothing answers %s',
    async (command) => {
      let dead = false
      await using server = await startStreamServer({
        slots: { keep: START },
        answer: (sql) => {
          if (dead || !sql.startsWith(command)) return undefined
          dead = true
          return new Uint8Array()
        },
        startReplication: (session, request) => streamTo(session, request, START + SEGMENT),
      })
      await using directory = new WalDirectory()
      await using receiver = new ReceiverInProcess(server, directory, { slot: 'keep' })
      const session = await server.session()
      while (!session.queries.at(-1)?.startsWith(command)) await nextTurn()
      await vi.advanceTimersByTimeAsync(59_999)
      expect(receiver.reported).toEqual([])
      await vi.advanceTimersByTimeAsync(1)
      vi.useRealTimers()
      await receiver.logged(/disconnected; waiting/)
      const message = expect.stringContaining('the server has not answered within 60 s') as string
      expect(receiver.reported).toMatchObject([{ code: 'WALR_CONNECTION_LOST', message }])
      await session.untilClosed()
      await receiver.logged(/finished segment at 0\/1100000/)
      expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    },
  )
})

it('goes on receiving from a server that does not read', async () => {
  await using server = await startStreamServer({
    startReplication: async (session) => {
      await session.copyBoth()
      session.playDead()
      for (let at = START; at < START + 8n * SEGMENT; at += 8192n) {
        await session.sendWal(at, wal.read(at, at + 8192n))
        await session.keepalive(at, { replyRequested: true })
      }
      session.revive()
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory)
  await receiver.logged(/finished segment at 0\/1800000/)
  const session = await server.session()
  await session.status(({ flushedLsn }) => flushedLsn === START + 8n * SEGMENT)
  for (const [index, status] of session.statuses.entries()) {
    expect(status.flushedLsn).toBeGreaterThanOrEqual(session.statuses[index - 1]?.flushedLsn ?? 0n)
  }
  expect(receiver.reported).toEqual([])
  expect(server.failures).toEqual([])
})
