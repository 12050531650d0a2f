import { expect, it } from 'vitest'
import { copyData, message, primaryKeepalive, xlogData } from '../support/backend-messages.ts'
import type { WalsenderSession } from '../support/walsender-session.ts'
import { ReceiverInProcess } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

const GOOD = START + SEGMENT + 8192n
const after = (distance: bigint, length = 4096n): Buffer =>
  xlogData(GOOD + distance, wal.read(GOOD + distance, GOOD + distance + length))

/** What comes after good WAL up to GOOD, and what walr says to it. */
const cases: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a gap', after(1n), /^got WAL data offset 00002001, expected 00002000/],
  ['a gap of exactly a segment', after(SEGMENT), /^got WAL data offset 00002000, expected 00002000/],
  ['a gap of exactly 4 GiB', after(0x1_0000_0000n), /^got WAL data offset 00002000, expected 00002000/],
  ['an overlap', after(-1n), /^got WAL data offset 00001fff, expected 00002000/],
  ['a repetition', after(-4096n), /^got WAL data offset 00001000, expected 00002000/],
  ['an empty message at another position', after(16n, 0n), /^got WAL data offset 00002010/],
  ['garbage', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /^message "H" is too long/],
  ['zeros', Buffer.alloc(64), /^unexpected message type 0x00 from the server/],
  ['a message with an impossible length', Buffer.from('d\0\0\0\x03'), /^message "d" has impossible length 3/],
  ['an unknown stream message', copyData(Buffer.from('x'.repeat(40))), /^unrecognized streaming header: "x"/],
  ['an empty stream message', copyData(Buffer.alloc(0)), /^streaming header too small: 0/],
  ['an XLogData without a whole header', copyData(Buffer.from('w12345')), /^streaming header too small: 6/],
  ['a short keepalive', shortened(primaryKeepalive(GOOD, true)), /^keepalive message has 17 bytes instead of 18/],
  ['a long keepalive', copyData(Buffer.alloc(40, 'k')), /^keepalive message has 40 bytes instead of 18/],
  ['a message of a login', message('R', Buffer.alloc(4)), /^unexpected message "R" from the server/],
]

function shortened(keepalive: Buffer): Buffer {
  return copyData(keepalive.subarray(5, -1))
}

it.concurrent.each(cases)(
  'drops the connection and keeps only what was good before it: %s',
  async (_, bytes, complaint) => {
    await using server = await startStreamServer({
      startReplication: async (session, request) => {
        if (request.attempt > 1) return streamTo(session, request, START + 2n * SEGMENT)
        await session.copyBoth()
        await session.sendWal(request.startLsn, wal.read(request.startLsn, GOOD))
        // In one write: the good rest must not depend on the bad message coming later.
        await session.raw(bytes, xlogData(GOOD + 4096n, wal.read(GOOD + 4096n, GOOD + 9000n)))
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory)
    await receiver.logged(/disconnected; waiting/)
    expect(receiver.reported).toMatchObject([
      { code: 'WALR_PROTOCOL', message: expect.stringMatching(complaint) as string },
    ])
    await (await server.session()).untilClosed()
    directory.expectPartial(`${segmentName(START + SEGMENT)}.partial`, wal, START + SEGMENT, GOOD)

    await receiver.logged(/finished segment at 0\/1200000/)
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    expect(receiver.reported).toHaveLength(1)
    expect((await server.session(2)).queries.at(-1)).toContain('0/1100000 TIMELINE 1')
    expect(directory.names).toEqual([segmentName(START), segmentName(START + SEGMENT)])
    directory.expectSegment(segmentName(START), wal, START)
    directory.expectSegment(segmentName(START + SEGMENT), wal, START + SEGMENT)
    expect(server.failures).toEqual([])
  },
)

it('refuses a stream whose first message does not begin the segment', async () => {
  await using server = await startStreamServer({
    startReplication: async (session, request) => {
      await session.copyBoth()
      await session.sendWal(request.startLsn + 8n, wal.read(request.startLsn + 8n, request.startLsn + 9000n))
    },
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory, '-n')
  expect(await walr.ended()).toBe(1)
  expect(walr.stderr).toContain('walr: error: received write-ahead log record for offset 8 with no file open')
  expect(directory.names).toEqual([])
})

it('keeps of a message that is cut off by the end of the connection no byte that was not sent', async () => {
  const whole = xlogData(GOOD, wal.read(GOOD, GOOD + 100_000n))
  const sent = 25n + 5n + 60_000n
  const cutOff = async (session: WalsenderSession): Promise<void> => {
    await session.raw(whole.subarray(0, Number(sent)))
    await session.status(({ writtenLsn }) => writtenLsn >= GOOD)
    session.end()
  }
  await using server = await startStreamServer({
    flushLsn: GOOD + 100_000n,
    startReplication: async (session, request) => {
      if (request.attempt > 1) return streamTo(session, request, START + 2n * SEGMENT)
      await session.copyBoth()
      await session.sendWal(request.startLsn, wal.read(request.startLsn, GOOD))
      await cutOff(session)
    },
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory)
  await walr.waitForLine(/error: could not receive data from WAL stream: server closed the connection unexpectedly/)
  await walr.waitForLine(/disconnected; waiting/)
  const kept = directory.read(`${segmentName(START + SEGMENT)}.partial`)
  const known = wal.read(START + SEGMENT, GOOD + 60_000n)
  expect(kept.subarray(0, 8192).equals(known.subarray(0, 8192))).toBe(true)
  expect(kept.subarray(known.length).equals(Buffer.alloc(kept.length - known.length))).toBe(true)
  const [first] = server.sessions
  expect(first?.statuses.every(({ flushedLsn }) => flushedLsn <= GOOD + 60_000n)).toBe(true)

  await walr.waitForLine(/finished segment at 0\/1200000/)
  expect(await walr.stop()).toBe(0)
  directory.expectSegment(segmentName(START + SEGMENT), wal, START + SEGMENT)
  expect(server.failures).toEqual([])
})
