import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { ReceiverInProcess } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { endWhenAsked, SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

const END = START + 5000n
const NO_ANSWER = new Uint8Array()
afterEach(() => void vi.useRealTimers())

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  it('ends a stream in order: what was written is durable and reported', async () => {
    await using server = await startStreamServer({
      startReplication: (session, request) => streamTo(session, request, END),
    })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory, '--flush=segment')
    const session = await server.session()
    await session.status(() => true)
    await waitFor('the WAL is written', () => directory.names.length === 1)
    expect(await walr.stop(signal)).toBe(0)
    expect(walr.stderr).toContain('walr: received interrupt signal, exiting')
    expect(walr.stderr).toContain(`walr: not renaming "${segmentName(START)}.partial", segment is not complete`)
    expect(session.terminated).toBe(true)
    expect(session.copyDoneCount).toBe(1)
    directory.expectPartial(`${segmentName(START)}.partial`, wal, START, END)
    expect(directory.leftovers).toEqual([])
    expect(server.failures).toEqual([])
  })

  it('ends the wait between two attempts', async () => {
    await using directory = new WalDirectory()
    const server = await startStreamServer({ startReplication: () => undefined })
    const { conninfo } = server
    await server[Symbol.asyncDispose]()
    await using walr = startReceive({ conninfo }, directory)
    await walr.waitForLine(/disconnected; waiting/)
    expect(await walr.stop(signal)).toBe(0)
    expect(walr.stderr).toContain('walr: received interrupt signal, exiting')
  })
})

describe('a wish to stop', () => {
  it('ends the attempt to connect to a server that does not answer', async () => {
    await using server = await startStreamServer({ greet: () => NO_ANSWER, startReplication: () => undefined })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory)
    const session = await server.session()
    expect(await walr.stop()).toBe(0)
    await session.untilClosed()
    expect(directory.names).toEqual([])
  })

  it.each(['SHOW wal_segment_size', 'IDENTIFY_SYSTEM', 'READ_REPLICATION_SLOT "keep"', 'START_REPLICATION'])(
    'does not wait for a server that does not answer %s',
    async (command) => {
      await using server = await startStreamServer({
        slots: { keep: START },
        answer: (sql) => (sql.startsWith(command) ? NO_ANSWER : undefined),
        startReplication: () => undefined,
      })
      await using directory = new WalDirectory()
      await using receiver = new ReceiverInProcess(server, directory, { slot: 'keep' })
      const session = await server.session()
      await waitFor(command, () => session.queries.at(-1)?.startsWith(command), { intervalMs: 2 })
      const askedAtMs = performance.now()
      expect(await receiver.stop()).toEqual({ end: 'interrupted' })
      expect(performance.now() - askedAtMs).toBeLessThan(3000)
      await session.untilClosed()
      expect(receiver.reported).toEqual([])
      expect(directory.names).toEqual([])
    },
  )

  it('between START_REPLICATION and its answer ends the stream as soon as it begins', async () => {
    let asked: () => void = () => undefined
    const stopped = new Promise<void>((resolve) => (asked = resolve))
    await using server = await startStreamServer({
      startReplication: async (session, { startLsn }) => {
        await stopped
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, END))
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory)
    const session = await server.session()
    await waitFor('START_REPLICATION', () => session.queries.at(-1)?.startsWith('START_REPLICATION'), { intervalMs: 2 })
    const ended = receiver.stop()
    asked()
    const askedAtMs = performance.now()
    expect(await ended).toEqual({ end: 'interrupted' })
    expect(performance.now() - askedAtMs).toBeLessThan(3000)
    expect(directory.names).toEqual([])
  })

  it('ends a stream in which data keeps coming, and writes nothing that comes after it', async () => {
    let sent = START
    await using server = await startStreamServer({
      startReplication: async (session) => {
        await session.copyBoth()
        while (session.copyDoneCount === 0 && !session.closed) {
          await session.sendWal(sent, wal.read(sent, sent + 65_536n))
          sent += 65_536n
          await nextTurn()
        }
        await session.sendWal(sent, wal.read(sent, sent + SEGMENT))
        await session.keepalive(sent + SEGMENT, { replyRequested: true })
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory)
    await walr.waitForLine(/finished segment at 0\/1300000/)
    expect(await walr.stop()).toBe(0)
    const session = await server.session()
    const last = session.statuses.at(-1)
    const written = last?.writtenLsn ?? 0n
    expect(last?.flushedLsn).toBe(written)
    expect(written).toBeLessThanOrEqual(sent)
    expect(session.copyDoneCount).toBe(1)
    const openSegment = written - (written % SEGMENT)
    for (let at = START; at < openSegment; at += SEGMENT) directory.expectSegment(segmentName(at), wal, at)
    if (written > openSegment) directory.expectPartial(`${segmentName(openSegment)}.partial`, wal, openSegment, written)
    expect(server.failures).toEqual([])
  })

  it('ends after a bounded time when the server does not answer CopyDone, with everything reported', async () => {
    await using server = await startStreamServer({
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, END))
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory)
    const session = await server.session()
    await session.status(({ flushedLsn }) => flushedLsn === END)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const ended = receiver.stop()
    while (session.copyDoneCount === 0) await nextTurn()
    expect(session.statuses.at(-1)).toMatchObject({ writtenLsn: END, flushedLsn: END })
    expect(session.closed).toBe(false)
    await vi.advanceTimersByTimeAsync(10_000)
    vi.useRealTimers()
    expect(await ended).toEqual({ end: 'interrupted' })
    expect(receiver.reported).toEqual([])
    directory.expectPartial(`${segmentName(START)}.partial`, wal, START, END)
  })

  it('is answered by the end of the connection as well as by an answer to CopyDone', async () => {
    await using server = await startStreamServer({
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, END))
        await session.clientCopyDone()
        session.reset()
      },
    })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory)
    await (await server.session()).status(({ flushedLsn }) => flushedLsn === END)
    expect(await walr.stop()).toBe(0)
    expect(walr.stderr.filter((line) => line.includes('error'))).toEqual([])
  })
})
