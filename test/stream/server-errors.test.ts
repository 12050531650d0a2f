import { describe, expect, it } from 'vitest'
import { ReceiverInProcess } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

describe('an error after CopyBoth', () => {
  it('that says the slot is invalid names the slot, and is a gap', async () => {
    await using server = await startStreamServer({
      slots: { keep: START },
      startReplication: async (session) => {
        await session.copyBoth()
        await session.error({ sqlState: '55000', message: 'can no longer access replication slot "keep"' })
      },
    })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory, '-n', '-S', 'keep')
    expect(await walr.ended()).toBe(3)
    const output = walr.stderr.join('\n')
    expect(output).toMatch(/error: replication slot "keep" .*can no longer access replication slot "keep"/)
    expect(output).toContain('code: WALR_SLOT_INVALID')
    expect(directory.names).toEqual([])
  })

  it('with the same code is only repeated when there is no slot', async () => {
    await using server = await startStreamServer({
      startReplication: async (session) => {
        await session.copyBoth()
        await session.error({ sqlState: '55000', message: 'not in the right state' })
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { loop: false })
    await receiver.ended
    const message = 'unexpected termination of replication stream: ERROR:  not in the right state'
    expect(receiver.reported).toMatchObject([{ code: 'WALR_REPLICATION_COMMAND', message }])
  })

  it.each([
    ['FATAL and the end of the connection', '57P01', 'terminating connection due to administrator command'],
    ['ERROR', 'XX000', 'requested starting point 0/1000000 is ahead of the WAL flush position of this server'],
  ])('is reported, and the stream goes on with the next connection: %s', async (kind, sqlState, message) => {
    const broken = START + SEGMENT + 5000n
    await using server = await startStreamServer({
      startReplication: async (session, request) => {
        if (request.attempt > 1) return streamTo(session, request, START + 2n * SEGMENT)
        await session.copyBoth()
        await session.sendWal(request.startLsn, wal.read(request.startLsn, broken))
        await session.status(({ flushedLsn }) => flushedLsn === broken)
        await (kind === 'ERROR' ? session.error({ sqlState, message }) : session.fatal({ sqlState, message }))
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory)
    await receiver.logged(/disconnected; waiting/)
    const code = kind === 'ERROR' ? 'WALR_REPLICATION_COMMAND' : 'WALR_CONNECTION_LOST'
    const severity = kind === 'ERROR' ? 'ERROR' : 'FATAL'
    const text = `unexpected termination of replication stream: ${severity}:  ${message}`
    expect(receiver.reported).toMatchObject([{ code, message: text }])
    directory.expectPartial(`${segmentName(START + SEGMENT)}.partial`, wal, START + SEGMENT, broken)
    await receiver.logged(/finished segment at 0\/1200000/)
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    const second = await server.session(2)
    expect(second.queries.at(-1)).toContain('0/1100000 TIMELINE 1')
    expect(directory.names).toEqual([segmentName(START), segmentName(START + SEGMENT)])
    directory.expectSegment(segmentName(START), wal, START)
    directory.expectSegment(segmentName(START + SEGMENT), wal, START + SEGMENT)
    expect(directory.leftovers).toEqual([])
  })
})

describe('an error before CopyBoth', () => {
  it.each([
    ['a slot that is missing', '42704', 'replication slot "keep" does not exist', 'WALR_SLOT_MISSING'],
    ['a slot in use', '55006', 'replication slot "keep" is active for PID 42', 'WALR_REPLICATION_COMMAND'],
    [
      'a timeline not in the history',
      'XX000',
      "requested starting point 0/1000000 on timeline 1 is not in this server's history",
      'WALR_REPLICATION_COMMAND',
    ],
  ])('ends walr with status 1 and --no-loop: %s', async (_, sqlState, message, code) => {
    await using server = await startStreamServer({
      serverVersion: '14.9',
      startReplication: (session) =>
        session.error({ sqlState, message, detail: 'what the server knows', hint: 'what the server advises' }),
    })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory, '-n', '-S', 'keep')
    expect(await walr.ended()).toBe(1)
    const output = walr.stderr.join('\n')
    expect(output).toContain(message)
    expect(output).toContain(`code: ${code}`)
    expect(output).toContain('error: disconnected')
    if (code === 'WALR_REPLICATION_COMMAND') {
      expect(output).toContain(`could not send replication command "START_REPLICATION": ERROR:  ${message}`)
      expect(output).toContain('detail: what the server knows')
      expect(output).toContain('hint: what the server advises')
    } else {
      expect(output).toContain('--create-slot')
    }
    expect(directory.names).toEqual([])
  })

  it('is tried again without --no-loop: a slot may be free or there a moment later', async () => {
    await using server = await startStreamServer({
      slots: { keep: START },
      startReplication: (session, request) =>
        request.attempt === 1
          ? session.error({ sqlState: '55006', message: 'replication slot "keep" is active for PID 42' })
          : streamTo(session, request, START + SEGMENT),
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { slot: 'keep' })
    await receiver.logged(/finished segment at 0\/1100000/)
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    directory.expectSegment(segmentName(START), wal, START)
  })

  it('of a slot that was never there ends walr before anything is asked for', async () => {
    await using server = await startStreamServer({
      startReplication: () => Promise.reject(new Error('nothing is to be streamed')),
    })
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory, '-n', '-S', 'keep')
    expect(await walr.ended()).toBe(1)
    expect(walr.stderr).toContain('walr: error: replication slot "keep" does not exist')
    expect(server.failures).toEqual([])
  })
})
