import { expect, it } from 'vitest'
import { startReceive } from './receive-program.ts'
import { ReceiverInProcess } from './receive-in-process.ts'
import { toLsn } from '../../packages/core/src/wal/lsn.ts'
import { endWhenAsked, SEGMENT, START, startStreamServer, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

const EDGE = START + SEGMENT

it('stops behind the position, keeps what came with the message that passed it, and throws away the rest', async () => {
  const endpos = START + 10_000n
  await using server = await startStreamServer({
    startReplication: async (session, { startLsn }) => {
      await session.copyBoth()
      await session.sendWal(startLsn, wal.read(startLsn, START + 16_384n), 8192)
      // Written by the server before it knew that the client wants to stop.
      await session.sendWal(START + 16_384n, wal.read(START + 16_384n, START + 65_536n), 8192)
      await session.keepalive(START + 65_536n, { replyRequested: true })
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory, '-E', '0/1002710')
  expect(await walr.ended()).toBe(0)
  expect(endpos).toBe(0x1002710n)
  expect(walr.stderr).toContain('walr: stopped log streaming at 0/1004000 (timeline 1)')
  expect(directory.names).toEqual([`${segmentName(START)}.partial`])
  directory.expectPartial(`${segmentName(START)}.partial`, wal, START, START + 16_384n)
  const session = await server.session()
  expect(session.statuses.at(-1)).toMatchObject({ writtenLsn: START + 16_384n, flushedLsn: START + 16_384n })
  expect(session.terminated).toBe(true)
  expect(server.failures).toEqual([])
})

it('is not reached by WAL that ends exactly there: one more byte is needed', async () => {
  const endpos = START + 10_000n
  await using server = await startStreamServer({
    startReplication: async (session, { startLsn }) => {
      await session.copyBoth()
      await session.sendWal(startLsn, wal.read(startLsn, endpos))
      await session.status(({ flushedLsn }) => flushedLsn === endpos)
      await session.keepalive(endpos + 5000n, { replyRequested: true })
      await session.status(() => true, { from: session.statuses.length })
      expect(session.copyDoneCount).toBe(0)
      await session.sendWal(endpos, wal.read(endpos, endpos + 1n))
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { endpos: toLsn(endpos) })
  expect(await receiver.ended).toEqual({ end: 'end position' })
  expect(server.failures).toEqual([])
  directory.expectPartial(`${segmentName(START)}.partial`, wal, START, endpos + 1n)
  expect(server.sessions[0]?.statuses.at(-1)).toMatchObject({ writtenLsn: endpos + 1n, flushedLsn: endpos + 1n })
})

it('on the edge of a segment opens the next one', async () => {
  await using server = await startStreamServer({
    startReplication: async (session, { startLsn }) => {
      await session.copyBoth()
      await session.sendWal(startLsn, wal.read(startLsn, EDGE))
      await session.status(({ flushedLsn }) => flushedLsn === EDGE)
      expect(session.copyDoneCount).toBe(0)
      await session.sendWal(EDGE, wal.read(EDGE, EDGE + 100n))
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { endpos: toLsn(EDGE) })
  expect(await receiver.ended).toEqual({ end: 'end position' })
  expect(server.failures).toEqual([])
  expect(directory.names).toEqual([segmentName(START), `${segmentName(EDGE)}.partial`])
  directory.expectPartial(`${segmentName(EDGE)}.partial`, wal, EDGE, EDGE + 100n)
})

it('inside a message of several segments keeps all of that message', async () => {
  const end = START + 2n * SEGMENT + 10n
  await using server = await startStreamServer({
    startReplication: async (session, { startLsn }) => {
      await session.copyBoth()
      await session.sendWal(startLsn, wal.read(startLsn, end), Number(end - startLsn))
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { endpos: toLsn(START + 5n) })
  expect(await receiver.ended).toEqual({ end: 'end position' })
  expect(directory.names).toEqual([segmentName(START), segmentName(EDGE), `${segmentName(EDGE + SEGMENT)}.partial`])
  directory.expectSegment(segmentName(EDGE), wal, EDGE)
  directory.expectPartial(`${segmentName(EDGE + SEGMENT)}.partial`, wal, EDGE + SEGMENT, end)
})

it('in the past receives nothing', async () => {
  await using server = await startStreamServer({
    startReplication: () => Promise.reject(new Error('nothing is to be streamed')),
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory, '-E', '0/FFFFFF')
  expect(await walr.ended()).toBe(0)
  expect(walr.stderr.some((line) => line.startsWith('walr: stopped log streaming at 0/1000000'))).toBe(true)
  expect(directory.names).toEqual([])
  expect(server.failures).toEqual([])
})

it('ends walr with status 0 even if the server does not live to confirm it', async () => {
  await using server = await startStreamServer({
    startReplication: async (session, { startLsn }) => {
      await session.copyBoth()
      await session.sendWal(startLsn, wal.read(startLsn, START + 5000n))
      await session.clientCopyDone()
      session.reset()
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { endpos: toLsn(START + 1n), loop: false })
  expect(await receiver.ended).toEqual({ end: 'end position' })
  directory.expectPartial(`${segmentName(START)}.partial`, wal, START, START + 5000n)
})
