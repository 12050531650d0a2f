import { describe, expect, it } from 'vitest'
import { noticeResponse, parameterStatus, primaryKeepalive, xlogData } from '../support/backend-messages.ts'
import { MadeUpWal } from '../support/made-up-wal.ts'
import { ReceiverInProcess } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { endWhenAsked, SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

it('takes notices and parameters in the middle of everything', async () => {
  const notice = noticeResponse({ severity: 'WARNING', message: 'in between' })
  const between = Buffer.concat([notice, parameterStatus('in_hot_standby', 'off')])
  await using server = await startStreamServer({
    answer: (sql, session) => {
      if (!sql.startsWith('START_REPLICATION')) void session.raw(between)
      return undefined
    },
    startReplication: async (session, { startLsn }) => {
      await session.raw(between)
      await session.copyBoth()
      await session.raw(between)
      for (let at = startLsn; at < START + 2n * SEGMENT; at += 65_536n) {
        await session.sendWal(at, wal.read(at, at + 65_536n))
        await session.raw(between)
        await session.keepalive(at, { replyRequested: true })
      }
      await session.clientCopyDone()
      await session.raw(between)
      await session.copyDone()
      await session.raw(between)
      await session.stopped()
    },
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory, '-n')
  await walr.waitForLine(/finished segment at 0\/1200000/)
  expect(await walr.stop()).toBe(0)
  expect(walr.stderr).toContain('walr: warning: in between')
  expect(directory.names).toEqual([segmentName(START), segmentName(START + SEGMENT)])
  directory.expectSegment(segmentName(START), wal, START)
  directory.expectSegment(segmentName(START + SEGMENT), wal, START + SEGMENT)
  expect(server.failures).toEqual([])
})

describe('the same files come of', () => {
  const end = START + 2n * SEGMENT
  const pieces = (...sizes: readonly number[]): readonly Buffer[] => {
    const messages: Buffer[] = []
    for (let at = START, index = 0; at < end; index++) {
      const size = BigInt(Math.min(sizes[index % sizes.length] ?? 1, Number(end - at)))
      messages.push(xlogData(at, wal.read(at, at + size), end))
      at += size
    }
    return messages
  }

  it.each([
    ['messages of 128 KiB, all at once', pieces(131_072), {}],
    ['one message of two segments', pieces(2_097_152), {}],
    ['one message of two segments in small pieces', pieces(2_097_152), { chunkBytes: 40_009 }],
    ['messages over the edges of pages and segments', pieces(100_003, 1, 77, 65_537), {}],
    ['messages with nothing in them', pieces(65_536).flatMap(withEmptyOne), {}],
    ['pieces of 1021 bytes', pieces(300_000), { chunkBytes: 1021 }],
    ['pieces just as long as messages', pieces(8192), { chunkBytes: 8192 + 30 }],
    ['pieces one byte longer than messages', pieces(8192), { chunkBytes: 8192 + 31 }],
  ])('%s', async (_, messages, pace) => {
    await using server = await startStreamServer({
      startReplication: async (session) => {
        await session.copyBoth()
        session.pace = pace
        await session.raw(...messages)
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { loop: false })
    await receiver.logged(/finished segment at 0\/1200000/)
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    expect(directory.names).toEqual([segmentName(START), segmentName(START + SEGMENT)])
    directory.expectSegment(segmentName(START), wal, START)
    directory.expectSegment(segmentName(START + SEGMENT), wal, START + SEGMENT)
    expect(server.failures).toEqual([])
  })

  function withEmptyOne(message: Buffer): readonly Buffer[] {
    return [message, xlogData(message.readBigUInt64BE(6) + BigInt(message.length - 30), Buffer.alloc(0), end)]
  }
})

it('takes a stream that is cut at every byte of its messages', async () => {
  // Small messages of every kind, one byte a write.
  const messages: Buffer[] = []
  const end = START + 1000n
  for (let at = START; at < end; at += 100n) {
    messages.push(xlogData(at, wal.read(at, at + 100n), end))
    messages.push(primaryKeepalive(end, at % 3n === 0n), noticeResponse({ message: 'hm' }))
    messages.push(xlogData(at + 100n, Buffer.alloc(0), end), parameterStatus('TimeZone', 'UTC'))
  }
  await using server = await startStreamServer({
    startReplication: async (session) => {
      await session.copyBoth()
      session.pace = { chunkBytes: 1 }
      await session.raw(...messages)
      session.pace = {}
      await session.sendWal(end, wal.read(end, START + SEGMENT))
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.logged(/finished segment at 0\/1100000/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  directory.expectSegment(segmentName(START), wal, START)
  expect(server.failures).toEqual([])
})

it.each([
  ['over 4 GiB', 0xffe0_0000n, '1/100000'],
  ['where halves have their sign bit', 0x7fff_ffff_7fe0_0000n, '7FFFFFFF/80100000'],
  ['near the top', 0xffff_ffff_ffa0_0000n, 'FFFFFFFF/FFD00000'],
])('keeps positions of 64 bits exact %s', async (_, start, lastEnd) => {
  const end = start + 3n * SEGMENT
  await using server = await startStreamServer({
    flushLsn: start + 99n,
    startReplication: (session, request) => streamTo(session, request, end + 1234n),
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.logged(new RegExp(`finished segment at ${lastEnd} `))
  const session = await server.session()
  await session.status(({ writtenLsn, flushedLsn }) => writtenLsn === end + 1234n && flushedLsn === end + 1234n)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  for (let at = start; at < end; at += SEGMENT) directory.expectSegment(segmentName(at), wal, at)
  directory.expectPartial(`${segmentName(end)}.partial`, wal, end, end + 1234n)
  expect(server.failures).toEqual([])
})

it('receives segments of another size than the usual one', async () => {
  const big = new MadeUpWal({ walSegmentSize: 4 * 1_048_576 })
  const end = START + 4n * SEGMENT
  await using server = await startStreamServer({
    wal: big,
    flushLsn: START + 2n * SEGMENT,
    startReplication: (session, request) => streamTo(session, request, end + 10n, big),
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false })
  await receiver.logged(/finished segment at 0\/1400000/)
  await (await server.session()).status(({ flushedLsn }) => flushedLsn === end + 10n)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(directory.names).toEqual(['000000010000000000000004', '000000010000000000000005.partial'])
  directory.expectSegment('000000010000000000000004', big, START)
  directory.expectPartial('000000010000000000000005.partial', big, end, end + 10n)
})
