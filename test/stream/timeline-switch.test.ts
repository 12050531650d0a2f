import { expect, it } from 'vitest'
import { commandComplete, readyForQuery } from '../support/backend-messages.ts'
import { MadeUpWal } from '../support/made-up-wal.ts'
import { ReceiverInProcess } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import {
  answerRow,
  endWhenAsked,
  SEGMENT,
  START,
  startStreamServer,
  streamTo,
  switchTimeline,
  wal,
  type StreamScript,
} from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

const NOTHING = 'nothing is to be streamed'

/** A cluster that left timeline 1 at `first`, and timeline 2 at `second` if that is given. */
function promoted(first: bigint, second?: bigint): MadeUpWal {
  if (second === undefined) return new MadeUpWal({ timelineId: 2, ancestors: [{ timelineId: 1, endLsn: first }] })
  const ancestors = [
    { timelineId: 1, endLsn: first },
    { timelineId: 2, endLsn: second },
  ]
  return new MadeUpWal({ timelineId: 3, ancestors })
}

/** Streams timeline 1 to `switchLsn`, names timeline 2 as the next, and streams that to `endLsn`. */
function switching(switchLsn: bigint, endLsn: bigint): StreamScript {
  const next = promoted(switchLsn)
  return {
    histories: { 2: next.history() },
    startReplication: async (session, request) => {
      if (request.timelineId === 2) return streamTo(session, request, endLsn, next)
      await session.copyBoth()
      await session.sendWal(request.startLsn, wal.read(request.startLsn, switchLsn))
      await switchTimeline(session, 2, switchLsn)
    },
  }
}

it('follows a switch in the middle of a segment on the same connection, and keeps what the old timeline had', async () => {
  const switchLsn = START + SEGMENT + 0x2468n
  const next = promoted(switchLsn)
  await using server = await startStreamServer(switching(switchLsn, START + 3n * SEGMENT))
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory, '-n')
  await walr.waitForLine(/^walr: finished segment at 0\/1300000 \(timeline 2\)$/)
  expect(await walr.stop()).toBe(0)
  expect(walr.stderr).toContain(`walr: not renaming "${segmentName(START + SEGMENT)}.partial", segment is not complete`)
  expect(walr.stderr).toContain('walr: starting log streaming at 0/1100000 (timeline 2)')
  expect(walr.stderr.some((line) => /^walr: switched to timeline 2 at 0\/1102468$/.test(line))).toBe(true)
  expect(server.sessions).toHaveLength(1)
  expect(directory.names).toEqual([
    segmentName(START),
    `${segmentName(START + SEGMENT)}.partial`,
    '00000002.history',
    segmentName(START + SEGMENT, 2),
    segmentName(START + 2n * SEGMENT, 2),
  ])
  directory.expectSegment(segmentName(START), wal, START)
  directory.expectPartial(`${segmentName(START + SEGMENT)}.partial`, wal, START + SEGMENT, switchLsn)
  directory.expectSegment(segmentName(START + SEGMENT, 2), next, START + SEGMENT)
  directory.expectSegment(segmentName(START + 2n * SEGMENT, 2), next, START + 2n * SEGMENT)
  expect(directory.read('00000002.history').toString()).toBe(next.history())
  expect(server.failures).toEqual([])
})

it('follows a switch exactly on the edge of a segment', async () => {
  const switchLsn = START + SEGMENT
  const next = promoted(switchLsn)
  await using server = await startStreamServer(switching(switchLsn, START + 2n * SEGMENT))
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.logged(/finished segment at 0\/1200000 \(timeline 2\)/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(directory.names).toEqual([segmentName(START), '00000002.history', segmentName(START + SEGMENT, 2)])
  directory.expectSegment(segmentName(START), wal, START)
  directory.expectSegment(segmentName(START + SEGMENT, 2), next, START + SEGMENT)
})

it('follows a switch on the first byte that it asks for, where there is no stream at all', async () => {
  const next = promoted(START)
  await using server = await startStreamServer({
    histories: { 2: next.history() },
    startReplication: (session, request) =>
      request.timelineId === 1 ? session.nextTimeline(2, START) : streamTo(session, request, START + SEGMENT, next),
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.logged(/finished segment at 0\/1100000 \(timeline 2\)/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(directory.names).toEqual(['00000002.history', segmentName(START, 2)])
  directory.expectSegment(segmentName(START, 2), next, START)
})

it('follows several switches, with every history file durable before WAL of its timeline comes', async () => {
  const [first, second] = [START + 5000n, START + SEGMENT + 6000n]
  const [two, three] = [promoted(first), promoted(first, second)]
  await using directory = new WalDirectory()
  const present: string[][] = []
  await using server = await startStreamServer({
    histories: { 2: two.history(), 3: three.history() },
    startReplication: async (session, request) => {
      present.push(directory.names.filter((name) => name.endsWith('.history')))
      if (request.timelineId === 3) return streamTo(session, request, START + 2n * SEGMENT, three)
      const [source, endLsn] = request.timelineId === 2 ? [two, second] : [wal, first]
      await session.copyBoth()
      await session.sendWal(request.startLsn, source.read(request.startLsn, endLsn))
      await switchTimeline(session, (request.timelineId ?? 0) + 1, endLsn)
    },
  })
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.logged(/finished segment at 0\/1200000 \(timeline 3\)/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(present).toEqual([[], ['00000002.history'], ['00000002.history', '00000003.history']])
  expect(directory.names).toEqual([
    `${segmentName(START)}.partial`,
    '00000002.history',
    segmentName(START, 2),
    `${segmentName(START + SEGMENT, 2)}.partial`,
    '00000003.history',
    segmentName(START + SEGMENT, 3),
  ])
  directory.expectSegment(segmentName(START, 2), two, START)
  directory.expectPartial(`${segmentName(START + SEGMENT, 2)}.partial`, two, START + SEGMENT, second)
  directory.expectSegment(segmentName(START + SEGMENT, 3), three, START + SEGMENT)
  expect(server.failures).toEqual([])
})

it.each([
  ['not greater', 1, START + 100n, 'server reported unexpected next timeline 1, following timeline 1'],
  [
    'beyond the end of the stream',
    2,
    START + 101n,
    'server stopped streaming timeline 1 at 0/1000064, but reported next timeline 2 to begin at 0/1000065',
  ],
])('refuses a next timeline that is %s', async (_, timelineId, startLsn, message) => {
  await using server = await startStreamServer({
    startReplication: async (session, request) => {
      await session.copyBoth()
      await session.sendWal(request.startLsn, wal.read(request.startLsn, START + 100n))
      await switchTimeline(session, timelineId, startLsn)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  expect(await receiver.ended).toMatchObject({ error: { message: 'disconnected' } })
  expect(receiver.reported).toMatchObject([{ code: 'WALR_PROTOCOL', message }])
  expect(directory.names).toEqual([`${segmentName(START)}.partial`])
  directory.expectPartial(`${segmentName(START)}.partial`, wal, START, START + 100n)
})

it('takes a CopyDone that names no next timeline for a lost stream, and connects again', async () => {
  await using server = await startStreamServer({
    startReplication: async (session, request) => {
      if (request.attempt > 1) return streamTo(session, request, START + SEGMENT)
      await session.copyBoth()
      await session.sendWal(request.startLsn, wal.read(request.startLsn, START + 100n))
      await session.copyDone()
      await session.clientCopyDone()
      await session.raw(commandComplete('START_STREAMING'), readyForQuery())
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory)
  await receiver.logged(/finished segment at 0\/1100000/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  const message = 'replication stream was terminated before stop point'
  expect(receiver.reported).toMatchObject([{ code: 'WALR_CONNECTION_LOST', message }])
  expect(server.sessions).toHaveLength(2)
  directory.expectSegment(segmentName(START), wal, START)
})

it('refuses a history file of another timeline, and streams nothing of the timeline it would be for', async () => {
  const switchLsn = START + 100n
  await using server = await startStreamServer({
    ...switching(switchLsn, START + SEGMENT),
    histories: {},
    answer: (sql) => (sql.startsWith('TIMELINE_HISTORY') ? historyRow('00000003.history', 'x') : undefined),
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.ended
  const message = 'server reported unexpected history file name for timeline 2: 00000003.history'
  expect(receiver.reported).toMatchObject([{ code: 'WALR_PROTOCOL', message }])
  expect(directory.names).toEqual([`${segmentName(START)}.partial`])
})

it('fetches the history of the timeline it starts on, and follows it from the directory of the old one', async () => {
  const switchLsn = START + SEGMENT + 300n
  const next = promoted(switchLsn)
  await using directory = new WalDirectory()
  directory.write(segmentName(START), wal.segment(START))
  await using server = await startStreamServer({
    wal: next,
    flushLsn: START + 4n * SEGMENT,
    startReplication: async (session, request) => {
      if (request.timelineId === 2) return streamTo(session, request, START + 2n * SEGMENT, next)
      await session.copyBoth()
      await session.sendWal(request.startLsn, wal.read(request.startLsn, switchLsn))
      await switchTimeline(session, 2, switchLsn)
    },
  })
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.logged(/finished segment at 0\/1200000 \(timeline 2\)/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(directory.names).toEqual([
    segmentName(START),
    `${segmentName(START + SEGMENT)}.partial`,
    '00000002.history',
    segmentName(START + SEGMENT, 2),
  ])
})

it('does not follow a server that was set back to an older timeline', async () => {
  await using directory = new WalDirectory()
  directory.write(segmentName(START, 2), promoted(START).segment(START))
  await using server = await startStreamServer({ startReplication: () => Promise.reject(new Error(NOTHING)) })
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.ended
  const message = 'starting timeline 2 is not present in the server'
  expect(receiver.reported).toMatchObject([{ code: 'WALR_TIMELINE', message }])
  expect(server.failures).toEqual([])
})

it('goes on after a controlled shutdown of the server', async () => {
  await using server = await startStreamServer({
    startReplication: async (session, request) => {
      await session.copyBoth()
      await session.sendWal(request.startLsn, wal.read(request.startLsn, START + 9000n))
      if (request.attempt > 1) {
        await session.sendWal(START + 9000n, wal.read(START + 9000n, START + SEGMENT))
        return endWhenAsked(session)
      }
      await session.keepalive(START + 9000n, { replyRequested: true })
      await session.status(({ flushedLsn }) => flushedLsn === START + 9000n)
      await session.shutDown()
    },
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory)
  await walr.waitForLine(/^walr: error: replication stream was terminated before stop point$/)
  await walr.waitForLine(/finished segment at 0\/1100000/)
  expect(await walr.stop()).toBe(0)
  directory.expectSegment(segmentName(START), wal, START)
  expect(server.failures).toEqual([])
})

function historyRow(name: string, content: string): Buffer {
  return answerRow(['filename', 'content'], [name, content], 'TIMELINE_HISTORY')
}
