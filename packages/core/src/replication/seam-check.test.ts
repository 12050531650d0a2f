import { describe, expect, it } from 'vitest'
import { parseLsn } from '../wal/lsn.ts'
import { CLUSTER, SEGMENT, segmentBytes, segmentLsn, walBytes } from '../wal/wal-bytes.fixture.ts'
import { FakeConnection, serverError } from './fake-connection.fixture.ts'
import { ReceiveSession, type SessionOptions } from './receive-session.ts'
import { answers, ReceiverBench, SERVER_LSN, streaming } from './receiver.fixture.ts'

/** Segment `number` up to `length`, and zeros behind that: as a receiver leaves it. */
function open(number: number, length: number): Buffer {
  const bytes = Buffer.alloc(SEGMENT)
  segmentBytes(number).copy(bytes, 0, 0, length)
  return bytes
}

async function run(
  bench: ReceiverBench,
  connection: FakeConnection,
  changed: Partial<SessionOptions> = {},
): Promise<void> {
  const options = bench.options({ endpos: segmentLsn(5, 100), ...changed })
  await new ReceiveSession(connection, options).run()
}
const sameServer = (): FakeConnection => new FakeConnection(answers(SERVER_LSN), streaming(SEGMENT + 4096))
/** A server that went another way from `parting` on. */
const otherServer = (parting: bigint, flushLsn = SERVER_LSN): FakeConnection => {
  const connection = new FakeConnection(answers(flushLsn))
  connection.seam = (lsn, length) => {
    const bytes = Buffer.from(walBytes(lsn, length))
    for (let at = Math.max(0, Number(parting - lsn)); at < length; at += 1) bytes[at] = (bytes[at] ?? 0) ^ 0x55
    return bytes
  }
  return connection
}

describe('where the server’s WAL and the directory’s meet', () => {
  it.each<[string, (bench: ReceiverBench) => void, string]>([
    ['a finished segment', (bench) => bench.put(4), '0/4FC000'],
    ['an open segment', (bench) => bench.put(5, '.partial', open(5, 4000)), '0/500028'],
    ['a segment before one that is open and empty', fourThenEmpty, '0/4FC000'],
  ])('is looked for at the end of %s, without a slot', async (_, put, at) => {
    const [bench, connection] = [new ReceiverBench(), sameServer()]
    put(bench)
    await run(bench, connection, { slot: 'walr' })
    expect(connection.seamRequests).toEqual([{ slot: undefined, timelineId: 1, startLsn: parseLsn(at) }])
    expect(connection.requests).toHaveLength(1)
  })

  it('is nowhere in an empty directory, and in one with zeros only', async () => {
    for (const files of [[], [5]]) {
      const [bench, connection] = [new ReceiverBench(), sameServer()]
      for (const number of files) bench.put(number, '.partial', open(number, 0))
      await run(bench, connection)
      expect(connection.seamRequests).toEqual([])
    }
  })

  it.each<[string, (bench: ReceiverBench) => void, bigint]>([
    ['behind a finished segment', (bench) => bench.put(4), segmentLsn(4, SEGMENT - 500)],
    ['in an open segment', (bench) => bench.put(5, '.partial', open(5, 4000)), segmentLsn(5, 3000)],
    ['long before', (bench) => bench.put(4), 0n],
  ])('ends walr when the server went another way %s, and nothing is touched', async (_, put, parting) => {
    const bench = new ReceiverBench()
    put(bench)
    const before = await bench.files()
    const connection = otherServer(parting)
    await expect(run(bench, connection)).rejects.toMatchObject({
      code: 'WALR_SEGMENT_CONFLICT',
      message: expect.stringMatching(
        /^the server does not continue "\/received\/.*": it has other WAL at 0\//,
      ) as unknown,
    })
    expect(connection.requests).toEqual([])
    expect(await bench.files()).toEqual(before)
    expect(bench.streamed).toBe(0)
  })

  it.each<[string, (bench: ReceiverBench) => void]>([
    ['a finished segment', (bench) => bench.put(5)],
    ['what was received of an open one', (bench) => bench.put(5, '.partial', open(5, 4097))],
  ])('is waited for when the server has not reached the end of %s', async (_, put) => {
    const [bench, connection] = [new ReceiverBench(), sameServer()]
    put(bench)
    await expect(run(bench, connection, { endpos: undefined })).rejects.toMatchObject({ code: 'WALR_SERVER_BEHIND' })
    expect([...connection.seamRequests, ...connection.requests]).toEqual([])
  })

  it('cannot be seen when the server has removed it, which is said', async () => {
    const [bench, connection] = [new ReceiverBench(), sameServer()]
    bench.put(4)
    connection.seam = () => serverError('58P01', 'requested WAL segment has already been removed')
    await run(bench, connection)
    expect(bench.logger.lines.filter((line) => line.includes('cannot be compared'))).toHaveLength(1)
    expect(connection.requests).toHaveLength(1)
  })

  it('stays unknown after another error of the server', async () => {
    const [bench, connection] = [new ReceiverBench(), sameServer()]
    bench.put(4)
    connection.seam = () => serverError('53300', 'too many walsenders')
    await expect(run(bench, connection)).rejects.toMatchObject({ sqlState: '53300' })
  })

  it('lies on an earlier timeline before the server left it', async () => {
    const bench = new ReceiverBench()
    bench.put(5)
    const changed = {
      IDENTIFY_SYSTEM: [[CLUSTER, '2', '0/600000', null]],
      'TIMELINE_HISTORY 2': [['00000002.history', '1\t0/500A00\tno reason\n']],
    }
    const connection = new FakeConnection(answers(SERVER_LSN, changed), streaming(4096))
    await run(bench, connection, { endpos: segmentLsn(5, 1) })
    expect(connection.seamRequests).toEqual([{ slot: undefined, timelineId: 1, startLsn: segmentLsn(5, 40) }])
    expect(connection.requests).toEqual([{ slot: undefined, timelineId: 2, startLsn: segmentLsn(5) }])
  })
})

function fourThenEmpty(bench: ReceiverBench): void {
  bench.put(4)
  bench.put(5, '.partial', open(5, 0))
}
