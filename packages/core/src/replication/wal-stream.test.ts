import { afterEach, describe, expect, it } from 'vitest'
import { toLsn } from '../wal/lsn.ts'
import { until } from '../wal/recording.fixture.ts'
import { SEGMENT, segmentLsn } from '../wal/wal-bytes.fixture.ts'
import { sendWal } from './fake-connection.fixture.ts'
import { FIRST_FILE, hurriedClock, START, StreamBench } from './wal-stream.fixture.ts'

let benches: StreamBench[] = []
afterEach(async () => {
  for (const bench of benches) await bench.close()
  benches = []
})
function started(changed: ConstructorParameters<typeof StreamBench>[0] = {}): StreamBench {
  const bench = new StreamBench(changed)
  benches.push(bench)
  bench.stream.onStart()
  return bench
}
/** Started, with the first segment open and named, so that flushes are done on the thread. */
async function warm(changed: ConstructorParameters<typeof StreamBench>[0] = {}): Promise<StreamBench> {
  const bench = started(changed)
  await bench.read([1000])
  await until(
    () => bench.reported.at(-1) === (changed.reportFlush === false ? '1000 -' : '1000 1000'),
    'the first flush',
  )
  bench.connection.statuses.length = 0
  bench.disk.forgetOperations()
  return bench
}
const written = (bench: StreamBench): number => Number(bench.writer.writtenLsn - START)

describe('a batch', () => {
  it('is one flush for everything that the socket had ready, and one status after it', async () => {
    const bench = await warm()
    await bench.read([10, 20, 30])
    await until(() => bench.reported.length > 0, 'the flush')
    expect(bench.flushes).toBe(1)
    expect(bench.reported).toEqual(['1060 1060'])
  })

  it('grows while the socket is not dry, and is flushed when the loop has nothing else to do', async () => {
    const bench = await warm()
    await bench.read([10], false)
    await bench.read([20], false)
    expect(bench.flushes).toBe(0)
    await until(() => bench.reported.length > 0, 'a flush without a dry socket')
    expect([bench.flushes, ...bench.reported]).toEqual([1, '1030 1030'])
  })

  it('is flushed once when the socket becomes dry before the loop has time', async () => {
    const bench = await warm()
    const writing = sendWal(bench.stream, bench.writer.writtenLsn, 10)
    bench.stream.onReadEnd(false)
    expect(writing).toBeUndefined()
    expect(sendWal(bench.stream, bench.writer.writtenLsn, 20)).toBeUndefined()
    bench.stream.onReadEnd(true)
    await until(() => bench.reported.length > 0, 'the flush')
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect([bench.flushes, ...bench.reported]).toEqual([1, '1030 1030'])
  })

  it('without a byte is neither flushed nor reported', async () => {
    const bench = await warm()
    await bench.stream.onKeepalive(0, 0xffff_0000, false)
    bench.stream.onReadEnd(true)
    bench.stream.onReadEnd(false)
    await new Promise(setImmediate)
    expect([bench.flushes, bench.reported]).toEqual([0, []])
  })

  it('that comes while a flush is slow waits for it, and all such batches share the next one', async () => {
    const bench = await warm({ now: hurriedClock() })
    bench.disk.on({ operation: 'dataSync', pathPattern: FIRST_FILE, nth: 1 }, { delayMs: 60 })
    await bench.read([10], true, 64 * SEGMENT)
    for (const length of [20, 30, 40]) await bench.read([length])
    expect([bench.flushes, bench.reported]).toEqual([1, []])
    const startedMs = performance.now()
    await until(() => bench.reported.length > 1, 'the second flush')
    // Long before the stream looks by itself whether anything is left to be flushed.
    expect(performance.now() - startedMs).toBeLessThan(600)
    expect([bench.flushes, ...bench.reported]).toEqual([2, '1100 1010', '1100 1100'])
  })

  it('is flushed beside the stream, and not after every read, while catching up', async () => {
    let nowMs = 0
    const bench = await warm({ now: () => nowMs })
    for (let index = 0; index < 20; index += 1) await bench.read([10], true, 64 * SEGMENT)
    expect(bench.flushes).toBe(0)
    nowMs = 1000
    await bench.read([10], true, 64 * SEGMENT)
    await until(() => bench.reported.length > 0, 'a flush in the background')
    expect([bench.flushes, ...bench.reported]).toEqual([1, '1210 1210'])
    expect(bench.state.status.state).toBe('catching-up')
  })
})

describe('what is reported', () => {
  it('begins with the start, as soon as the stream is up', () => {
    const bench = started()
    expect([bench.reported, bench.streaming]).toEqual([['0 0'], 1])
  })

  it('follows every finished segment, also one that ends with the last byte', async () => {
    const bench = await warm()
    await bench.read([SEGMENT - 1000])
    await until(() => bench.reported.at(-1) === `${SEGMENT} ${SEGMENT}`, 'the segment’s end is reported')
  })

  it('is never the server’s own end of WAL', async () => {
    const bench = await warm()
    await bench.stream.onKeepalive(0, 0xffff_0000, true)
    expect(bench.reported).toEqual(['1000 1000'])
  })

  it('is flushed first when the server asks for a reply', async () => {
    const bench = await warm()
    await sendWal(bench.stream, bench.writer.writtenLsn, 10)
    await bench.stream.onKeepalive(0, 0, true)
    expect([bench.flushes, ...bench.reported]).toEqual([1, '1010 1010'])
    await bench.stream.onKeepalive(0, 0, true)
    expect([bench.flushes, ...bench.reported]).toEqual([1, '1010 1010', '1010 1010'])
  })

  it('is flushed first when the server asks, though two flushes are still to be waited for', async () => {
    const bench = await warm({ now: hurriedClock() })
    bench.disk.on({ operation: 'dataSync', pathPattern: FIRST_FILE }, { delayMs: 30 })
    await bench.read([10], true, 64 * SEGMENT)
    await bench.read([20], true, 64 * SEGMENT)
    await bench.stream.onKeepalive(0, 0xffff_0000, true)
    expect([bench.flushes, bench.reported.at(-1)]).toEqual([2, '1030 1030'])
  })

  it('has no flush position without sync', async () => {
    const bench = started({ sync: false, reportFlush: false })
    await bench.read([1000])
    await bench.stream.onKeepalive(0, 0, true)
    await bench.read([SEGMENT])
    await until(() => bench.reported.includes(`${SEGMENT + 1000} -`), 'the end of the read is reported')
    expect(bench.flushes).toBe(0)
    expect(bench.connection.statuses.every(({ flushed }) => flushed === '-')).toBe(true)
  })

  it('has no flush position for a server that is to be told none', async () => {
    const bench = await warm({ reportFlush: false })
    await bench.read([10])
    await until(() => bench.reported.length > 0, 'the flush')
    expect(bench.reported).toEqual(['1010 -'])
  })

  it('has no flush position that would move the slot backwards', async () => {
    const bench = started({ reportFrom: toLsn(START + 1500n) })
    await bench.read([1000])
    await until(() => bench.reported.at(-1) === '1000 -', 'the first flush')
    await bench.read([499])
    await until(() => bench.reported.at(-1)?.startsWith('1499') === true, 'the second flush')
    expect(bench.reported.at(-1)).toBe('1499 -')
    await bench.read([1])
    await until(() => bench.reported.at(-1)?.startsWith('1500') === true, 'the third flush')
    expect(bench.reported.at(-1)).toBe('1500 1500')
  })

  it('is flushed at the end of segments only, and when the server asks, in segment mode', async () => {
    const bench = started({ flush: 'segment' })
    await bench.read([1000])
    await bench.read([1000])
    await new Promise(setImmediate)
    expect(bench.reported).toEqual(['0 0'])
    await bench.read([SEGMENT])
    await until(() => bench.reported.at(-1) === `${SEGMENT + 2000} ${SEGMENT}`, 'the segment’s end is reported')
    await bench.stream.onKeepalive(0, 0, true)
    expect(bench.reported.at(-1)).toBe(`${SEGMENT + 2000} ${SEGMENT + 2000}`)
  })
})

describe('WAL that does not continue the stream', () => {
  it('is refused before a byte of it is written', async () => {
    const bench = await warm()
    for (const length of [-1, 1, SEGMENT]) {
      expect(() => void sendWal(bench.stream, toLsn(bench.writer.writtenLsn + BigInt(length)), 10)).toThrow(
        expect.objectContaining({ code: 'WALR_PROTOCOL' }),
      )
    }
    expect(bench.disk.operations.filter(({ operation }) => operation === 'write')).toEqual([])
    expect(written(bench)).toBe(1000)
  })
})

describe('the state', () => {
  it('is catching up a segment behind, and streaming again nearly level with the server', async () => {
    const bench = started({ serverLsn: segmentLsn(40) })
    expect(bench.state.status.state).toBe('catching-up')
    await bench.read([1000], true, SEGMENT / 2)
    expect(bench.state.status.state).toBe('catching-up')
    await bench.read([1000], true, 10)
    expect(bench.state.status.state).toBe('streaming')
    await bench.read([1000], true, SEGMENT)
    expect(bench.state.status.state).toBe('streaming')
    await bench.read([1000], true, SEGMENT + 1)
    expect(bench.state.status.state).toBe('catching-up')
  })
})

it('leaves a gap only for WAL: the server agrees to stream before it finds that it has none', async () => {
  const bench = new StreamBench({ serverLsn: segmentLsn(40) })
  benches.push(bench)
  bench.state.set('gap', 'removed')
  bench.stream.onStart()
  expect(bench.state.status.state).toBe('gap')
  await bench.read([1000], true, SEGMENT + 1)
  expect(bench.state.status.state).toBe('catching-up')
})

describe('a failed flush', () => {
  it.each([
    ['on the thread', 0],
    ['beside the stream', 64 * SEGMENT],
  ])('%s ends the stream with its error, and nothing is synced or reported any more', async (_, lag) => {
    const bench = await warm({ now: hurriedClock() })
    bench.disk.on({ operation: 'dataSync', pathPattern: FIRST_FILE, nth: 1 }, { error: 'EIO', delayMs: 10 })
    await bench.read([10], true, lag)
    await until(() => bench.stream.failure !== undefined, 'the failure')
    expect(bench.stream.failure).toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(bench.connection.closed).toBe(1)
    await expect((async () => sendWal(bench.stream, bench.writer.writtenLsn, 10))()).rejects.toMatchObject({
      code: 'WALR_FSYNC_FAILED',
    })
    bench.stream.onReadEnd(true)
    await bench.stream.onKeepalive(0, 0, true)
    await bench.stream.stop()
    expect([bench.flushes, bench.reported]).toEqual([1, []])
  })

  it('for a keepalive comes out of the keepalive', async () => {
    const bench = await warm()
    await sendWal(bench.stream, bench.writer.writtenLsn, 10)
    bench.disk.on({ operation: 'dataSync', pathPattern: FIRST_FILE, nth: 1 }, { error: 'EIO' })
    await expect(bench.stream.onKeepalive(0, 0, true)).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(bench.reported).toEqual([])
  })

  it('while stopping is the failure of the stream, not a good end', async () => {
    const bench = await warm()
    await sendWal(bench.stream, bench.writer.writtenLsn, 10)
    bench.disk.on({ operation: 'dataSync', pathPattern: FIRST_FILE, nth: 1 }, { error: 'EIO' })
    await bench.stream.stop()
    expect(bench.stream.failure).toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect([bench.connection.closed, bench.connection.copyDones, bench.reported]).toEqual([1, 0, []])
  })
})
