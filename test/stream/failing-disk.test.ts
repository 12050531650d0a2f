import { describe, expect, it } from 'vitest'
import { FaultDisk } from '../../packages/core/src/disk/fault-disk.ts'
import type { FaultMatch } from '../../packages/core/src/disk/fault-rules.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { toLsn } from '../../packages/core/src/wal/lsn.ts'
import { waitFor } from '../support/wait-for.ts'
import { MadeUpWal } from '../support/made-up-wal.ts'
import { ReceiverInProcess, type ReceiverTestOptions } from './receive-in-process.ts'
import { endWhenAsked, SEGMENT, START, startStreamServer, streamTo, wal, type StreamScript } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

const EDGE = START + SEGMENT
const FIRST = START + 5000n
const OPEN = `${segmentName(START)}.partial`
const HISTORY = new MadeUpWal({ timelineId: 2, ancestors: [{ timelineId: 1, endLsn: START - 5000n }] })

/** The receive directory itself, as opposed to `.walr` in it. */
const DIRECTORY = /\/wal$/

interface FsyncCase {
  readonly fault: FaultMatch
  /** The fault is there from the beginning, or once the first bytes have been acknowledged. */
  readonly when: 'from the start' | 'later'
  /** Nothing from here on may be acknowledged. */
  readonly notFrom: bigint
  readonly options?: ReceiverTestOptions
  readonly script?: Partial<StreamScript>
  /** What is in the directory before. */
  readonly before?: readonly (readonly [string, Buffer])[]
  readonly keepalive?: boolean
}

const emptyOpenSegment = [[OPEN, Buffer.alloc(Number(SEGMENT))]] as const
const slot = { options: { slot: 'keep', flush: 'segment' }, script: { slots: { keep: START } } } as const

const cases: readonly (readonly [string, FsyncCase])[] = [
  [
    'of the directory before the first stream',
    { fault: { operation: 'syncDirectory', pathPattern: DIRECTORY, nth: 1 }, when: 'from the start', notFrom: 0n },
  ],
  [
    'of a segment that an earlier run had begun',
    {
      fault: { operation: 'sync', pathPattern: /partial$/ },
      when: 'from the start',
      notFrom: EDGE,
      before: emptyOpenSegment,
    },
  ],
  [
    'of a new segment',
    { fault: { operation: 'sync', pathPattern: /spare-/ }, when: 'from the start', notFrom: START + 1n },
  ],
  [
    'of the directory after a new segment got its name',
    {
      fault: { operation: 'syncDirectory', pathPattern: DIRECTORY, nth: 2 },
      when: 'from the start',
      notFrom: START + 1n,
    },
  ],
  [
    'of data that has just come',
    {
      fault: { operation: 'dataSync', pathPattern: /partial$/, nth: 1 },
      when: 'later',
      notFrom: FIRST + 1n,
      before: emptyOpenSegment,
    },
  ],
  [
    'of data that a keepalive asks for',
    {
      fault: { operation: 'dataSync', pathPattern: /partial$/, nth: 1 },
      when: 'from the start',
      notFrom: START + 1n,
      before: emptyOpenSegment,
      keepalive: true,
      ...slot,
    },
  ],
  [
    'of a segment that is full',
    {
      fault: { operation: 'dataSync', pathPattern: /partial$/, nth: 1 },
      when: 'from the start',
      notFrom: START + 1n,
      before: emptyOpenSegment,
      ...slot,
    },
  ],
  [
    'of the directory after a segment got its final name',
    { fault: { operation: 'syncDirectory', pathPattern: DIRECTORY, nth: 1 }, when: 'later', notFrom: EDGE },
  ],
  [
    'of a compressed segment',
    {
      fault: { operation: 'dataSync', nth: 1 },
      when: 'from the start',
      notFrom: START + 1n,
      options: { compression: { method: 'gzip', level: undefined } },
    },
  ],
]

describe('a failing fsync ends walr, and nothing is acknowledged or synced again afterwards', () => {
  it.each(cases)('%s', async (_, { fault, when, notFrom, options, script, before = [], keepalive = false }) => {
    const disk = new FaultDisk(nodeDisk)
    if (when === 'from the start') disk.on(fault, { error: 'EIO' })
    await using server = await startStreamServer({
      ...script,
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, FIRST))
        if (when === 'later') {
          await session.status(({ flushedLsn }) => flushedLsn === FIRST)
          disk.on(fault, { error: 'EIO' })
        }
        if (keepalive) await session.keepalive(FIRST, { replyRequested: true })
        else await session.sendWal(FIRST, wal.read(FIRST, EDGE + 200_000n))
        await session.keepalive(EDGE + 200_000n, { replyRequested: true })
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    for (const [name, content] of before) directory.write(name, content)
    await using receiver = new ReceiverInProcess(server, directory, { disk, ...options })
    expect(await receiver.ended).toMatchObject({ error: { code: 'WALR_FSYNC_FAILED' } })
    const session = await server.session()
    await session.untilClosed()
    expect(server.sessions).toHaveLength(1)
    expect(session.statuses.filter(({ flushedLsn }) => flushedLsn >= notFrom)).toEqual([])
    const failedAt = disk.operations.findIndex(({ failed }) => failed)
    expect(failedAt).toBeGreaterThanOrEqual(0)
    const failed = disk.operations[failedAt]
    const again = disk.operations
      .slice(failedAt + 1)
      .filter(({ operation, path }) => path === failed?.path && /sync/i.test(operation))
    expect(again).toEqual([])
  })

  it('of the last bytes, when walr is asked to stop', async () => {
    const disk = new FaultDisk(nodeDisk)
    disk.on({ operation: 'dataSync' }, { error: 'EIO' })
    await using server = await startStreamServer({
      slots: { keep: START },
      startReplication: (session, request) => streamTo(session, request, FIRST),
    })
    await using directory = new WalDirectory()
    directory.write(...emptyOpenSegment[0])
    const options = { disk, slot: 'keep', flush: 'segment', statusIntervalMs: 50 } as const
    await using receiver = new ReceiverInProcess(server, directory, options)
    const session = await server.session()
    await session.status(({ writtenLsn }) => writtenLsn === FIRST)
    expect(await receiver.stop()).toMatchObject({ error: { code: 'WALR_FSYNC_FAILED' } })
    expect(session.statuses.filter(({ flushedLsn }) => flushedLsn > START)).toEqual([])
  })

  it('of the last bytes, when the end position has come', async () => {
    const disk = new FaultDisk(nodeDisk)
    disk.on({ operation: 'dataSync' }, { error: 'EIO' })
    await using server = await startStreamServer({
      slots: { keep: START },
      startReplication: (session, request) => streamTo(session, request, FIRST),
    })
    await using directory = new WalDirectory()
    directory.write(...emptyOpenSegment[0])
    const options = { disk, slot: 'keep', flush: 'segment', endpos: toLsn(START + 1n) } as const
    await using receiver = new ReceiverInProcess(server, directory, options)
    expect(await receiver.ended).toMatchObject({ error: { code: 'WALR_FSYNC_FAILED' } })
    const [session] = server.sessions
    expect(session?.statuses.filter(({ flushedLsn }) => flushedLsn > START)).toEqual([])
  })

  it('of the last bytes of a timeline', async () => {
    const disk = new FaultDisk(nodeDisk)
    disk.on({ operation: 'dataSync' }, { error: 'EIO' })
    await using server = await startStreamServer({
      slots: { keep: START },
      startReplication: async (session, request) => {
        await session.copyBoth()
        await session.sendWal(request.startLsn, wal.read(request.startLsn, FIRST))
        await session.copyDone()
      },
    })
    await using directory = new WalDirectory()
    directory.write(...emptyOpenSegment[0])
    await using receiver = new ReceiverInProcess(server, directory, { disk, slot: 'keep', flush: 'segment' })
    expect(await receiver.ended).toMatchObject({ error: { code: 'WALR_FSYNC_FAILED' } })
    expect(server.sessions[0]?.copyDoneCount).toBe(0)
  })

  it.each<[string, FaultMatch]>([
    ['of a history file', { operation: 'sync', pathPattern: /history/ }],
    [
      'of the directory after a history file got its name',
      { operation: 'syncDirectory', pathPattern: DIRECTORY, nth: 2 },
    ],
  ])('%s', async (_, fault) => {
    const disk = new FaultDisk(nodeDisk)
    disk.on(fault, { error: 'EIO' })
    await using server = await startStreamServer({
      wal: HISTORY,
      startReplication: () => Promise.reject(new Error('nothing is to be streamed')),
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { disk })
    expect(await receiver.ended).toMatchObject({ error: { code: 'WALR_FSYNC_FAILED' } })
    expect(server.failures).toEqual([])
  })
})

it('goes on with a new connection after a write that failed', async () => {
  const disk = new FaultDisk(nodeDisk)
  disk.on({ operation: 'write', pathPattern: /partial$/, nth: 3 }, { error: 'EIO' })
  await using server = await startStreamServer({
    startReplication: (session, request) => streamTo(session, request, EDGE + 5000n),
  })
  await using directory = new WalDirectory()
  directory.write(...emptyOpenSegment[0])
  await using receiver = new ReceiverInProcess(server, directory, { disk })
  await receiver.logged(/disconnected; waiting/)
  await (await server.session()).untilClosed()
  expect(receiver.reported).toMatchObject([{ code: 'WALR_WRITE_FAILED' }])
  const second = await server.session(2)
  await second.status(({ flushedLsn }) => flushedLsn === EDGE + 5000n)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  directory.expectSegment(segmentName(START), wal, START)
  directory.expectPartial(`${segmentName(EDGE)}.partial`, wal, EDGE, EDGE + 5000n)
  expect(directory.leftovers).toEqual([])
})

it('repeats the last position while an fsync takes longer than wal_sender_timeout', async () => {
  const disk = new FaultDisk(nodeDisk)
  await using server = await startStreamServer({
    walSenderTimeout: '900ms',
    startReplication: async (session, { startLsn }) => {
      await session.copyBoth()
      await session.sendWal(startLsn, wal.read(startLsn, FIRST))
      await session.status(({ flushedLsn }) => flushedLsn === FIRST)
      disk.on({ operation: 'dataSync', pathPattern: /partial$/ }, { delayMs: 1500 })
      await session.sendWal(FIRST, wal.read(FIRST, FIRST + 100n))
      // The server is well, and says so.
      const isFlushed = async (): Promise<boolean> => {
        await session.keepalive(FIRST)
        return session.statuses.some(({ flushedLsn }) => flushedLsn === FIRST + 100n)
      }
      await waitFor('everything is flushed', isFlushed, { intervalMs: 100 })
      await endWhenAsked(session)
    },
  })
  await using directory = new WalDirectory()
  directory.write(...emptyOpenSegment[0])
  // The first slow fsync is the one by which walr learns that the disk is slow.
  disk.on({ operation: 'dataSync', pathPattern: /partial$/, nth: 1 }, { delayMs: 60 })
  await using receiver = new ReceiverInProcess(server, directory, { disk })
  const session = await server.session()
  await session.status(({ flushedLsn }) => flushedLsn === FIRST + 100n)
  const repeated = session.statuses.filter(({ flushedLsn }) => flushedLsn === FIRST)
  expect(repeated.length).toBeGreaterThanOrEqual(3)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(receiver.reported).toEqual([])
  expect(server.sessions).toHaveLength(1)
})

describe('a full disk', () => {
  const full: readonly (readonly [string, (disk: FaultDisk) => () => void])[] = [
    [
      'by its free space',
      (disk) => {
        disk.setFreeBytes(10)
        return () => disk.setFreeBytes(undefined)
      },
    ],
    ['by a write that fails', (disk) => disk.on({ operation: 'write' }, { error: 'ENOSPC' })],
    ['by a write that is cut short', (disk) => disk.on({ operation: 'write' }, { shortWrite: 77 })],
    ['by a quota', (disk) => disk.on({ operation: 'write' }, { error: 'EDQUOT' })],
  ]

  it.each(full)('keeps the connection and goes on when there is room again: %s', async (_, fill) => {
    const disk = new FaultDisk(nodeDisk)
    let makeRoom: () => void = () => undefined
    await using server = await startStreamServer({
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, FIRST))
        await session.status(({ flushedLsn }) => flushedLsn === FIRST)
        makeRoom = fill(disk)
        await session.sendWal(FIRST, wal.read(FIRST, EDGE + SEGMENT + 5000n))
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { disk, statusIntervalMs: 50 })
    await receiver.logged(/state: blocked/)
    const session = await server.session()
    const from = session.statuses.length
    await waitFor('three more statuses', () => session.statuses.length >= from + 3, { intervalMs: 2 })
    expect(session.statuses.filter(({ flushedLsn }) => flushedLsn > EDGE)).toEqual([])
    expect(receiver.state.status.state).toBe('blocked')
    makeRoom()
    await session.status(({ flushedLsn }) => flushedLsn === EDGE + SEGMENT + 5000n)
    expect(receiver.state.status.state).toBe('streaming')
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    expect(server.sessions).toHaveLength(1)
    expect(receiver.reported.length).toBeGreaterThan(0)
    expect(receiver.reported.every((error) => (error as { code?: unknown }).code === 'WALR_DISK_FULL')).toBe(true)
    directory.expectSegment(segmentName(START), wal, START)
    directory.expectSegment(segmentName(EDGE), wal, EDGE)
    directory.expectPartial(`${segmentName(EDGE + SEGMENT)}.partial`, wal, EDGE + SEGMENT, EDGE + SEGMENT + 5000n)
    expect(directory.leftovers).toEqual([])
  })

  it.each(full)('does not keep walr from stopping: %s', async (_, fill) => {
    const disk = new FaultDisk(nodeDisk)
    await using server = await startStreamServer({
      startReplication: async (session, { startLsn }) => {
        await session.copyBoth()
        await session.sendWal(startLsn, wal.read(startLsn, FIRST))
        await session.status(({ flushedLsn }) => flushedLsn === FIRST)
        fill(disk)
        await session.sendWal(FIRST, wal.read(FIRST, EDGE + SEGMENT + 5000n))
        await endWhenAsked(session)
      },
    })
    await using directory = new WalDirectory()
    await using receiver = new ReceiverInProcess(server, directory, { disk, statusIntervalMs: 50 })
    await receiver.logged(/state: blocked/)
    const askedAtMs = performance.now()
    expect(await receiver.stop()).toEqual({ end: 'interrupted' })
    expect(performance.now() - askedAtMs).toBeLessThan(3000)
  })
})
