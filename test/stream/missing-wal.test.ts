import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ReceiverInProcess } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { answerRow, SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { segmentName, WalDirectory } from './wal-directory.ts'

const REMOVED = {
  sqlState: '58P01',
  message: `requested WAL segment ${segmentName(START)} has already been removed`,
}

it('ends with status 3 and writes nothing when the server no longer has the WAL needed next', async () => {
  await using server = await startStreamServer({
    startReplication: async (session) => {
      await session.copyBoth()
      await session.error(REMOVED)
    },
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory, '-n')
  expect(await walr.ended()).toBe(3)
  const output = walr.stderr.join('\n')
  expect(output).toContain('error: WAL from 0/1000000 on is no longer on the server')
  expect(output).toContain(REMOVED.message)
  expect(output).toContain('--accept-gap')
  expect(output).toContain('state: gap')
  expect(directory.names).toEqual([])
  expect(server.failures).toEqual([])
})

it('asks again and again without --no-loop, and goes on without a gap when the WAL is there again', async () => {
  await using server = await startStreamServer({
    startReplication: async (session, request) => {
      if (request.attempt > 2) return streamTo(session, request, START + SEGMENT)
      await session.copyBoth()
      await session.error(REMOVED)
    },
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory)
  await receiver.logged(/finished segment at 0\/1100000/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(receiver.reported).toMatchObject([{ code: 'WALR_WAL_GAP' }, { code: 'WALR_WAL_GAP' }])
  directory.expectSegment(segmentName(START), wal, START)
  expect(readdirSync(join(directory.path, '.walr'))).not.toContain('gaps')
})

it('keeps a damaged file where it is while nothing comes in its place, so that no later start skips it', async () => {
  let removed = true
  await using server = await startStreamServer({
    flushLsn: START + 5n * SEGMENT,
    startReplication: async (session, request) => {
      if (!removed) return streamTo(session, request, START + 2n * SEGMENT)
      await session.copyBoth()
      await session.error(REMOVED)
    },
  })
  await using directory = new WalDirectory()
  const name = segmentName(START)
  writeFileSync(join(directory.path, name), Buffer.alloc(Number(SEGMENT)))
  for (const attempt of ['first', 'second']) {
    await using walr = startReceive(server, directory, '-n')
    expect(`${attempt}: ${await walr.ended()}`).toBe(`${attempt}: 3`)
    expect(walr.stderr.join('\n')).toContain('error: WAL from 0/1000000 on is no longer on the server')
    expect(walr.stderr.join('\n')).not.toContain('moved the damaged')
    expect(directory.names).toEqual([name])
  }
  removed = false
  await using receiver = new ReceiverInProcess(server, directory)
  await receiver.logged(/finished segment at 0\/1200000/)
  await receiver.logged(/moved the damaged file/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  directory.expectSegment(name, wal, START)
  expect(readdirSync(join(directory.path, '.walr', 'damaged'))).toEqual([name])
})

it('goes on behind the gap with --accept-gap, on the same connection, and keeps a record of what is missing', async () => {
  const next = START + 3n * SEGMENT
  await using server = await startStreamServer({
    flushLsn: next + 0x1234n,
    startReplication: async (session, request) => {
      if (request.startLsn >= next) return streamTo(session, request, next + SEGMENT)
      await session.copyBoth()
      await session.error(REMOVED)
    },
  })
  await using directory = new WalDirectory()
  writeFileSync(join(directory.path, segmentName(START - SEGMENT)), wal.segment(START - SEGMENT))
  await using walr = startReceive(server, directory, '-n', '--accept-gap')
  await walr.waitForLine(/finished segment at 0\/1400000/)
  expect(await walr.stop()).toBe(0)
  expect(walr.stderr.join('\n')).toContain('warning: going on behind a gap: WAL from 0/1000000 to 0/1300000 is missing')
  expect(server.sessions).toHaveLength(1)
  expect(directory.names).toEqual([segmentName(START - SEGMENT), segmentName(next)])
  directory.expectSegment(segmentName(next), wal, next)
  const record: unknown = JSON.parse(directory.read('.walr/gaps/0000000001000000-0000000001300000.json').toString())
  expect(record).toMatchObject({ format: 1, timelineId: 1, startLsn: '0/1000000', endLsn: '0/1300000' })
})

it('lets the gap begin where the stream broke off, not where it had begun', async () => {
  const broken = START + 2n * SEGMENT + 777n
  const next = START + 5n * SEGMENT
  await using server = await startStreamServer({
    startReplication: async (session, request) => {
      if (request.startLsn >= next) return streamTo(session, request, next + 10n)
      await session.copyBoth()
      await session.sendWal(request.startLsn, wal.read(request.startLsn, broken))
      await session.error(REMOVED)
    },
    answer: (sql, session) =>
      sql === 'IDENTIFY_SYSTEM' && session.queries.some((query) => query.startsWith('START_REPLICATION'))
        ? answerRow(['s', 't', 'x', 'd'], [wal.systemIdentifier, '1', '0/1500000', null], 'IDENTIFY_SYSTEM')
        : undefined,
  })
  await using directory = new WalDirectory()
  await using receiver = new ReceiverInProcess(server, directory, { loop: false, acceptGap: true })
  const session = await server.session()
  await session.status(({ writtenLsn }) => writtenLsn === next + 10n)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(readdirSync(join(directory.path, '.walr/gaps'))).toEqual(['0000000001200309-0000000001500000.json'])
  directory.expectSegment(segmentName(START + SEGMENT), wal, START + SEGMENT)
  directory.expectPartial(`${segmentName(START + 2n * SEGMENT)}.partial`, wal, START + 2n * SEGMENT, broken)
})

it('goes on at what the slot keeps when that is further on than the WAL that is missing', async () => {
  const kept = START + 2n * SEGMENT
  await using server = await startStreamServer({
    flushLsn: START + 9n * SEGMENT,
    slots: { keep: kept + 99n },
    startReplication: async (session, request) => {
      if (request.startLsn === kept) return streamTo(session, request, kept + SEGMENT)
      await session.copyBoth()
      await session.error(REMOVED)
    },
  })
  await using directory = new WalDirectory()
  writeFileSync(join(directory.path, segmentName(START - SEGMENT)), wal.segment(START - SEGMENT))
  await using receiver = new ReceiverInProcess(server, directory, { loop: false, acceptGap: true, slot: 'keep' })
  await receiver.logged(/finished segment at 0\/1300000/)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(readdirSync(join(directory.path, '.walr/gaps'))).toEqual(['0000000001000000-0000000001200000.json'])
})

it.each([
  ['of the slot', { keep: START + 99n }, START + 99n],
  ['of the server', {}, START + 99n],
])('does not ask for the same position %s again when that is what is missing', async (_, slots, flushLsn) => {
  await using server = await startStreamServer({
    flushLsn,
    slots,
    startReplication: async (session) => {
      await session.copyBoth()
      await session.error(REMOVED)
    },
  })
  await using directory = new WalDirectory()
  const slot = 'keep' in slots ? 'keep' : undefined
  await using receiver = new ReceiverInProcess(server, directory, { loop: false, acceptGap: true, slot })
  expect(await receiver.ended).toMatchObject({ error: { code: 'WALR_WAL_GAP' } })
  const [session] = server.sessions
  expect(session?.queries.filter((query) => query.startsWith('START_REPLICATION'))).toHaveLength(1)
  expect(directory.names).toEqual([])
})

it('is not silent about a slot that has lost its WAL while the directory is empty', async () => {
  await using server = await startStreamServer({
    slots: { keep: null },
    answer: (sql) =>
      sql.startsWith('SELECT') ? answerRow(['restart_lsn', 'wal_status'], [null, 'lost'], 'SELECT 1') : undefined,
    startReplication: () => Promise.reject(new Error('nothing is to be streamed')),
  })
  await using directory = new WalDirectory()
  await using walr = startReceive(server, directory, '-n', '-S', 'keep')
  expect(await walr.ended()).toBe(3)
  expect(walr.stderr.join('\n')).toContain('replication slot "keep" has lost the WAL it kept')
  expect(directory.names).toEqual([])
  expect(server.failures).toEqual([])
})
