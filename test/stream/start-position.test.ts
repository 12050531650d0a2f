import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { MadeUpWal } from '../support/made-up-wal.ts'
import type { StartReplication, WalsenderScript } from '../support/scripted-walsender.ts'
import { ReceiverInProcess, type ReceiverTestOptions } from './receive-in-process.ts'
import { startReceive } from './receive-program.ts'
import { answerRow, SEGMENT, START, startStreamServer, streamTo, wal } from './stream-script.ts'
import { expectSameBytes, segmentName, WalDirectory } from './wal-directory.ts'

const LATER = START + 6n * SEGMENT + 4321n

/** What walr asks for first, with a server whose WAL ends at LATER. */
async function firstRequest(
  directory: WalDirectory,
  options: ReceiverTestOptions = {},
  script: Partial<WalsenderScript> = {},
): Promise<{ readonly request: StartReplication; readonly log: readonly string[] }> {
  let asked: StartReplication | undefined
  await using server = await startStreamServer({
    flushLsn: LATER,
    ...script,
    startReplication: (session, request) => {
      asked ??= request
      return streamTo(session, request, request.startLsn + 10n, script.wal)
    },
  })
  await using receiver = new ReceiverInProcess(server, directory, { loop: false, ...options })
  const session = await server.session()
  await session.status(() => true)
  expect(await receiver.stop()).toEqual({ end: 'interrupted' })
  expect(server.failures).toEqual([])
  if (!asked) throw new Error('nothing was asked for')
  return { request: asked, log: receiver.log }
}

describe('streaming starts at the first byte of a segment:', () => {
  it.each<[string, readonly string[], ReceiverTestOptions, bigint]>([
    ["the server's last, without files and slot", [], {}, START + 6n * SEGMENT],
    ["the slot's, without files", [], { slot: 'keep' }, START + 2n * SEGMENT],
    ['the one behind the newest file', [segmentName(START), segmentName(START + SEGMENT)], {}, START + 2n * SEGMENT],
    ['the one behind the newest file, even before the slot', [segmentName(START)], { slot: 'keep' }, START + SEGMENT],
    [
      'the one behind the newest file, even behind the slot',
      [segmentName(START + 3n * SEGMENT)],
      { slot: 'keep' },
      START + 4n * SEGMENT,
    ],
    [
      'the one that is incomplete',
      [segmentName(START), `${segmentName(START + SEGMENT)}.partial`],
      {},
      START + SEGMENT,
    ],
    ['the one behind the newest compressed file', [`${segmentName(START)}.gz`], {}, START + SEGMENT],
    [
      'the one that is compressed and incomplete',
      [`${segmentName(START)}.gz`, `${segmentName(START + SEGMENT)}.gz.partial`],
      {},
      START + SEGMENT,
    ],
  ])('%s', async (_, names, options, startLsn) => {
    await using directory = new WalDirectory()
    for (const name of names) {
      const segment = wal.segment(START + (BigInt(`0x${name.slice(16, 24)}`) - START / SEGMENT) * SEGMENT)
      directory.write(name, name.includes('.gz') ? gzipSync(segment) : segment)
    }
    const { request } = await firstRequest(directory, options, { slots: { keep: START + 2n * SEGMENT + 0x123n } })
    expect(request).toMatchObject({ startLsn, timelineId: 1, slot: options.slot })
  })

  it("the slot's, as SQL tells it where the server cannot be asked otherwise", async () => {
    await using directory = new WalDirectory()
    const slot = answerRow(['restart_lsn', 'wal_status'], ['0/1200123', 'reserved'], 'SELECT 1')
    const databases: (string | undefined)[] = []
    await using server = await startStreamServer({
      serverVersion: '14.9',
      flushLsn: LATER,
      answer: (sql, session) => {
        if (!sql.startsWith('SELECT restart_lsn')) return undefined
        databases.push(session.parameters.get('database'), session.parameters.get('replication'))
        return slot
      },
      startReplication: (session, request) => streamTo(session, request, START + 3n * SEGMENT),
    })
    await using walr = startReceive(server, directory, '-n', '-S', 'keep')
    await walr.waitForLine(/^walr: starting log streaming at 0\/1200000 \(timeline 1\)$/)
    await walr.waitForLine(/finished segment at 0\/1300000/)
    expect(await walr.stop()).toBe(0)
    expect(databases).toEqual(['postgres', undefined])
    expect(server.failures).toEqual([])
  })
})

it('warns of a slot without a position when nobody can tell whether it has lost WAL', async () => {
  await using directory = new WalDirectory()
  await using server = await startStreamServer({
    slots: { keep: null },
    flushLsn: START + 99n,
    startReplication: (session, request) => streamTo(session, request, START + SEGMENT),
  })
  await using walr = startReceive(server, directory, '-n', '-S', 'keep')
  await walr.waitForLine(
    /^walr: warning: replication slot "keep" reserves no WAL: it is new, or it has lost what it kept$/,
  )
  await walr.waitForLine(/finished segment at 0\/1100000/)
  expect(await walr.stop()).toBe(0)
  expect(walr.stderr.join('\n')).toContain('take a new base backup')
  expect(server.failures).toEqual([])
})

it('fetches the history of the timeline that it starts on, and keeps it compressed as the segments are', async () => {
  const next = new MadeUpWal({ timelineId: 2, ancestors: [{ timelineId: 1, endLsn: START - 5000n }] })
  await using directory = new WalDirectory()
  const options: ReceiverTestOptions = { compression: { method: 'gzip', level: undefined } }
  const { request } = await firstRequest(directory, options, { wal: next })
  expect(request.timelineId).toBe(2)
  expect(directory.names).toContain('00000002.history.gz')
  expect(gunzipSync(directory.read('00000002.history.gz')).toString()).toBe(next.history())
})

it('goes on in a directory that is compressed, at a segment that an earlier run had begun', async () => {
  await using directory = new WalDirectory()
  const open = `${segmentName(START + SEGMENT)}.gz.partial`
  directory.write(`${segmentName(START)}.gz`, gzipSync(wal.segment(START)))
  directory.write(open, gzipSync(wal.read(START + SEGMENT, START + SEGMENT + 700_000n)))
  await using server = await startStreamServer({
    flushLsn: START + 2n * SEGMENT + 5000n,
    startReplication: (session, request) => streamTo(session, request, START + 2n * SEGMENT + 5000n),
  })
  await using walr = startReceive(server, directory, '-n', '-Z', 'gzip')
  await walr.waitForLine(/finished segment at 0\/1200000/)
  await (await server.session()).status(({ writtenLsn }) => writtenLsn === START + 2n * SEGMENT + 5000n)
  expect(await walr.stop()).toBe(0)
  const last = `${segmentName(START + 2n * SEGMENT)}.gz.partial`
  expect(directory.names).toEqual([`${segmentName(START)}.gz`, `${segmentName(START + SEGMENT)}.gz`, last])
  const finished = gunzipSync(directory.read(`${segmentName(START + SEGMENT)}.gz`))
  expectSameBytes('the finished segment', finished, wal.segment(START + SEGMENT))
  const begun = gunzipSync(directory.read(last), { finishFlush: 2 /* Z_SYNC_FLUSH: it has no end yet */ })
  expectSameBytes('the open segment', begun, wal.read(START + 2n * SEGMENT, START + 2n * SEGMENT + 5000n))
  expect(directory.leftovers).toEqual([])
})

describe('a directory of another cluster is refused at once, and nothing is written to it', () => {
  const other = new MadeUpWal({ systemIdentifier: '7400000000000000002' })
  const refuse = { startReplication: () => Promise.reject(new Error('nothing is to be streamed')) }

  it('known by the beginning of its files', async () => {
    await using directory = new WalDirectory()
    directory.write(segmentName(START), other.segment(START))
    await using server = await startStreamServer(refuse)
    await using walr = startReceive(server, directory)
    expect(await walr.ended()).toBe(1)
    expect(walr.stderr).toContain('walr: code: WALR_WRONG_CLUSTER')
    expect(walr.stderr.join('\n')).toMatch(
      /7400000000000000002.*7400000000000000001|7400000000000000001.*7400000000000000002/,
    )
    expect(directory.names).toEqual([segmentName(START)])
    expect(directory.leftovers).toEqual([])
    expect(server.failures).toEqual([])
  })

  it('known by what an earlier run remembered', async () => {
    await using directory = new WalDirectory()
    await firstRequest(directory)
    const before = directory.names
    await using server = await startStreamServer({ ...refuse, wal: other, flushLsn: LATER })
    await using receiver = new ReceiverInProcess(server, directory)
    expect(await receiver.ended).toMatchObject({ error: { code: 'WALR_WRONG_CLUSTER' } })
    expect(directory.names).toEqual(before)
    expect(server.failures).toEqual([])
  })
})
