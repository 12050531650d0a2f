import { describe, expect, it } from 'vitest'
import { FaultDisk } from '../../packages/core/src/disk/fault-disk.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import type { StatusUpdate } from '../support/frontend-messages.ts'
import { waitFor } from '../support/wait-for.ts'
import { ReceiverInProcess, type ReceiverTestOptions } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { endWhenAsked, SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

const END = START + SEGMENT + 5000n

/** Streams to END, and no further. */
const toEnd: Parameters<typeof startStreamServer>[0] = {
  slots: { keep: START },
  startReplication: (session, request) => streamTo(session, request, END),
}

function positions(statuses: readonly StatusUpdate[]): (readonly [bigint, bigint])[] {
  return statuses.map(({ writtenLsn, flushedLsn }) => [writtenLsn, flushedLsn] as const)
}

it('reports written and flushed positions, never an applied one, first at the start and last at the end', async () => {
  await using server = await startStreamServer(toEnd)
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory)
  const session = await server.session()
  await session.status(({ flushedLsn }) => flushedLsn === END)
  expect(await walr.stop()).toBe(0)
  const { statuses } = session
  expect(statuses[0]).toMatchObject({ writtenLsn: START, flushedLsn: START, appliedLsn: 0n, replyRequested: false })
  expect(statuses.at(-1)).toMatchObject({ writtenLsn: END, flushedLsn: END, appliedLsn: 0n, replyRequested: false })
  expect(statuses.every(({ appliedLsn }) => appliedLsn === 0n)).toBe(true)
  for (const [index, [written, flushed]] of positions(statuses).entries()) {
    const [writtenBefore, flushedBefore] = positions(statuses)[index - 1] ?? [0n, 0n]
    expect(flushed).toBeLessThanOrEqual(written)
    expect(written).toBeGreaterThanOrEqual(writtenBefore)
    expect(flushed).toBeGreaterThanOrEqual(flushedBefore)
  }
})

describe('a keepalive', () => {
  it('that asks for a reply is answered after a flush of what has been written', async () => {
    const disk = new FaultDisk(nodeDisk)
    await using server = await startStreamServer({
      slots: { keep: START },
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, START + 5000n))
        await session.status(({ writtenLsn }) => writtenLsn === START + 5000n)
        await session.keepalive(START + 77n * SEGMENT, { replyRequested: true })
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    const options = { disk, slot: 'keep', flush: 'segment', statusIntervalMs: 50 } as const
    await using receiver = new ReceiverInProcess(server, directory, options)
    const session = await server.session()
    await session.status(({ flushedLsn }) => flushedLsn === START + 5000n)
    expect(disk.operations.filter(({ operation }) => operation === 'dataSync').length).toBeGreaterThan(0)
    expect(positions(session.statuses)).toContainEqual([START + 5000n, START])
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  })

  it("never moves what is reported: the server's end of WAL is not ours", async () => {
    let asked = false
    await using server = await startStreamServer({
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, START + 5000n))
        for (const walEnd of [START + 5001n, START + SEGMENT, 0xffff_ffff_ffff_ffffn, 0n]) {
          await session.keepalive(walEnd)
          const from = session.statuses.length
          await session.keepalive(walEnd, { replyRequested: true })
          await session.status(() => true, { from })
        }
        asked = true
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory)
    const session = await server.session()
    await waitFor('all keepalives are answered', () => asked, { intervalMs: 2 })
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    const known = START + 5000n
    expect(session.statuses.every(({ writtenLsn, flushedLsn }) => writtenLsn <= known && flushedLsn <= known)).toBe(
      true,
    )
    expect(server.failures).toEqual([])
  })
})

it.each(['batch', 'segment'] as const)('reports each finished segment at once with --flush=%s', async (flush) => {
  const end = START + 3n * SEGMENT
  await using server = await startStreamServer({
    slots: { keep: START },
    startReplication: async (session, { startLsn }) => {
      await session.copyBoth()
      for (let at = startLsn; at < end; at += SEGMENT) {
        await session.sendWal(at, wal.segment(at))
        await session.status(({ writtenLsn, flushedLsn }) => writtenLsn >= at + SEGMENT && flushedLsn === at + SEGMENT)
      }
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { slot: 'keep', flush, statusIntervalMs: 0 })
  await receiver.logged(/finished segment at 0\/1300000/)
  const session = await server.session()
  await session.status(({ flushedLsn }) => flushedLsn === end)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(server.failures).toEqual([])
})

describe('what is reported as flushed', () => {
  const finished = START + SEGMENT

  it.each<[string, ReceiverTestOptions, readonly bigint[], bigint]>([
    ['by default is everything', {}, [START, finished, END], END],
    [
      'with a slot and --flush=segment are finished segments',
      { flush: 'segment', slot: 'keep' },
      [START, finished],
      END,
    ],
    ['without a slot and with --flush=segment is nothing', { flush: 'segment' }, [0n], 0n],
    ['with --no-sync is nothing', { sync: false }, [0n], 0n],
    ['with --no-sync and a slot is nothing', { sync: false, slot: 'keep' }, [0n], 0n],
  ])('%s', async (_, options, allowed, last) => {
    await using server = await startStreamServer(toEnd)
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { ...options, statusIntervalMs: 50 })
    const session = await server.session()
    await receiver.logged(/finished segment at 0\/1100000/)
    const expected = allowed.at(-1) ?? 0n
    await session.status(({ writtenLsn, flushedLsn }) => writtenLsn === END && flushedLsn === expected)
    const streaming = [...session.statuses]
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    if (options.flush === 'segment' || options.sync === false) {
      expect(streaming.filter(({ flushedLsn }) => !allowed.includes(flushedLsn))).toEqual([])
    }
    expect(session.statuses.at(-1)).toMatchObject({ writtenLsn: END, flushedLsn: last })
    directory.expectSegment(segmentName(START), wal, START)
    directory.expectPartial(`${segmentName(finished)}.partial`, wal, finished, END)
  })
})

it('never moves a slot back to before what it has', async () => {
  const kept = START + 5000n
  await using server = await startStreamServer({ ...toEnd, slots: { keep: kept } })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { slot: 'keep' })
  const session = await server.session()
  await session.status(({ flushedLsn }) => flushedLsn === END)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(session.statuses[0]).toMatchObject({ writtenLsn: START, flushedLsn: 0n })
  expect(session.statuses.filter(({ flushedLsn }) => flushedLsn > 0n && flushedLsn < kept)).toEqual([])
})

describe('the status interval', () => {
  it('of 1 s is kept while nothing happens', async () => {
    await using server = await startStreamServer(toEnd)
    await using directory = new WalDirectory()
    await using walr = startReceive(server, directory, '-s', '1')
    const session = await server.session()
    await session.status(({ flushedLsn }) => flushedLsn === END)
    const from = session.statuses.length
    const repeated = await session.status(() => true, { from })
    expect(repeated).toMatchObject({ writtenLsn: END, flushedLsn: END })
    expect(await walr.stop()).toBe(0)
  })

  it('of 0 means no status without a reason', async () => {
    await using server = await startStreamServer({
      ...toEnd,
      walSenderTimeout: '1200ms',
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, END))
        // The next one is not the interval's: the server is asked whether it is still there.
        await session.status(({ replyRequested }) => replyRequested)
        await session.keepalive(END)
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { statusIntervalMs: 0 })
    const session = await server.session()
    const last = await session.status(({ flushedLsn }) => flushedLsn === END)
    const ping = await session.status(({ replyRequested }) => replyRequested)
    const between = session.statuses.slice(session.statuses.indexOf(last) + 1, session.statuses.indexOf(ping))
    expect(between.filter(({ writtenLsn, flushedLsn }) => writtenLsn === END && flushedLsn === END)).toEqual([])
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  })
})
