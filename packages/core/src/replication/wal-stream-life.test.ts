import { afterEach, describe, expect, it } from 'vitest'
import { toLsn } from '../wal/lsn.ts'
import { until } from '../wal/recording.fixture.ts'
import { SEGMENT } from '../wal/wal-bytes.fixture.ts'
import { sendWal } from './fake-connection.fixture.ts'
import { FIRST_FILE, hurriedClock, START, StreamBench } from './wal-stream.fixture.ts'

let benches: StreamBench[] = []
afterEach(async () => {
  for (const bench of benches) await bench.close()
  benches = []
})
function bench(changed: ConstructorParameters<typeof StreamBench>[0] = {}): StreamBench {
  const made = new StreamBench(changed)
  benches.push(made)
  return made
}
async function warm(changed: ConstructorParameters<typeof StreamBench>[0] = {}): Promise<StreamBench> {
  const made = bench(changed)
  made.stream.onStart()
  await made.read([1000])
  await until(() => made.reported.includes('1000 1000'), 'the first flush')
  made.connection.statuses.length = 0
  made.disk.forgetOperations()
  return made
}

/** Times are noted four times in the server's timeout, which is 1000 ms here. */
const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300))

describe('a quiet stream', () => {
  it('is reported on at each interval', async () => {
    const quiet = await warm({ statusIntervalMs: 60 })
    await until(() => quiet.reported.length >= 3, 'three statuses')
    expect(new Set(quiet.reported)).toEqual(new Set(['1000 1000']))
    expect(quiet.connection.statuses.some(({ replyRequested }) => replyRequested)).toBe(false)
  })

  it('is reported on when the interval is over, and not a tick later', async () => {
    let nowMs = 0
    const quiet = await warm({ statusIntervalMs: 60, now: () => nowMs })
    await tick()
    quiet.connection.statuses.length = 0
    for (let count = 1; count <= 3; count += 1) {
      nowMs += 60
      await until(() => quiet.reported.length === count, 'the next status')
    }
  })

  it('is asked for a sign of life after half of the server’s timeout, and given up after all of it', async () => {
    let nowMs = 0
    const quiet = await warm({ serverTimeoutMs: 1000, now: () => nowMs })
    await tick()
    nowMs = 499
    await tick()
    expect(quiet.reported).toEqual([])
    nowMs = 500
    await until(() => quiet.reported.length > 0, 'the question')
    nowMs = 999
    await tick()
    expect(quiet.connection.statuses.map(({ replyRequested }) => replyRequested)).toEqual([true])
    expect(quiet.stream.failure).toBeUndefined()
    nowMs = 1000
    await until(() => quiet.stream.failure !== undefined, 'the end of patience')
    expect(quiet.stream.failure).toMatchObject({
      code: 'WALR_CONNECTION_LOST',
      message: 'nothing received from the server for 1 s',
    })
    expect(quiet.connection.closed).toBe(1)
  })

  it('that shows a sign of life is asked again only after as long a silence', async () => {
    let nowMs = 0
    const quiet = await warm({ serverTimeoutMs: 1000, now: () => nowMs })
    await tick()
    nowMs = 600
    await until(() => quiet.reported.length === 1, 'the question')
    void quiet.stream.onKeepalive(0, 0, false)
    quiet.stream.onReadEnd(true)
    await tick()
    nowMs = 1500
    await until(() => quiet.reported.length === 2, 'the next question')
    expect(quiet.stream.failure).toBeUndefined()
  })
})

describe('a disk that holds up the stream', () => {
  it('by a slow flush does not keep statuses from the server, with the last flushed position', async () => {
    const slow = await warm({ serverTimeoutMs: 300, now: () => performance.now() })
    slow.disk.on({ operation: 'dataSync', pathPattern: FIRST_FILE }, { delayMs: 400 })
    // The first slow one is on the thread and teaches the pace; the second is not.
    await slow.read([10])
    slow.connection.statuses.length = 0
    await sendWal(slow.stream, slow.writer.writtenLsn, 10)
    const answering = slow.stream.onKeepalive(0, 0, true)
    await until(() => slow.reported.length >= 2, 'statuses in the meantime')
    expect(slow.reported.slice(0, 2)).toEqual(['1020 1010', '1020 1010'])
    await answering
    expect(slow.reported.at(-1)).toBe('1020 1020')
    expect(slow.stream.failure).toBeUndefined()
  })

  it('by being full is waited for, statuses go on, silence is not held against the server, and nothing is lost', async () => {
    const full = await warm({ serverTimeoutMs: 200 })
    const room = full.disk.on({ operation: 'write', pathPattern: FIRST_FILE }, { error: 'ENOSPC' })
    const writing = sendWal(full.stream, full.writer.writtenLsn, 10)
    expect(writing).toBeInstanceOf(Promise)
    await until(() => full.reported.length >= 4, 'statuses in the meantime')
    expect(new Set(full.reported)).toEqual(new Set(['1000 1000']))
    expect(full.stream.failure).toBeUndefined()
    expect(full.room.events).toEqual(['full'])
    room()
    await writing
    full.stream.onReadEnd(true)
    await until(() => full.reported.at(-1) === '1010 1010', 'the stream goes on')
    expect(full.room.events).toEqual(['full', 'room'])
  })

  it('by being full lets itself be stopped', async () => {
    const full = await warm()
    full.disk.on({ operation: 'write', pathPattern: FIRST_FILE }, { error: 'ENOSPC' })
    const writing = Promise.resolve(sendWal(full.stream, full.writer.writtenLsn, 10))
    const stopping = full.stream.stop()
    full.room.abort()
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' })
    await stopping
    expect(full.reported.filter((status) => status !== '1000 1000')).toEqual([])
  })
})

describe('stopping', () => {
  it('flushes, reports, and sends CopyDone, in that order; later WAL is thrown away', async () => {
    const stopped = await warm()
    await sendWal(stopped.stream, stopped.writer.writtenLsn, 10)
    await stopped.stream.stop()
    expect([stopped.stream.stopped, stopped.connection.copyDones]).toEqual([true, 1])
    expect([stopped.flushes, ...stopped.reported]).toEqual([1, '1010 1010'])
    await sendWal(stopped.stream, toLsn(START + 5000n), 10)
    await stopped.stream.onKeepalive(0, 0, true)
    stopped.stream.onReadEnd(true)
    expect([stopped.flushes, stopped.reported.length]).toEqual([1, 1])
    expect(stopped.writer.writtenLsn).toBe(START + 1010n)
    expect(stopped.logger.lines).toContain(
      'notice: not renaming "000000010000000000000003.partial", segment is not complete',
    )
  })

  it('twice is stopping once', async () => {
    const stopped = await warm()
    await Promise.all([stopped.stream.stop(), stopped.stream.stop()])
    expect(stopped.connection.copyDones).toBe(1)
  })

  it('before the server has agreed to stream sends CopyDone as soon as it does', async () => {
    const early = bench()
    await early.stream.stop()
    early.connection.copyDones = 0
    early.connection.statuses.length = 0
    early.stream.onStart()
    expect([early.connection.copyDones, early.streaming, early.reported]).toEqual([1, 0, []])
  })

  it('in the middle of a write that is held waits for it', async () => {
    const held = await warm()
    held.disk.on({ operation: 'freeBytes' }, { delayMs: 60 })
    const writing = sendWal(held.stream, held.writer.writtenLsn, SEGMENT)
    const stopping = held.stream.stop()
    await writing
    await stopping
    expect(held.reported.at(-1)).toBe(`${SEGMENT + 1000} ${SEGMENT + 1000}`)
    expect(held.connection.copyDones).toBe(1)
  })

  it('while a flush is under way waits for it', async () => {
    const flushing = await warm({ now: hurriedClock() })
    flushing.disk.on({ operation: 'dataSync', pathPattern: FIRST_FILE, nth: 1 }, { delayMs: 60 })
    await flushing.read([10], true, 64 * SEGMENT)
    await flushing.read([20], true, 64 * SEGMENT)
    await flushing.stream.stop()
    expect(flushing.reported.at(-1)).toBe('1030 1030')
    expect(flushing.connection.copyDones).toBe(1)
  })
})

describe('the end position', () => {
  const endpos = toLsn(START + 2000n)

  it('is not passed by a byte that ends there', async () => {
    const open = await warm({ endpos })
    await open.read([1000])
    expect([open.stream.stopped, open.connection.copyDones]).toEqual([false, 0])
    await open.read([1])
    expect([open.stream.stopped, open.connection.copyDones]).toEqual([true, 1])
  })

  it('ends the stream with everything of the message that passed it', async () => {
    const open = await warm({ endpos })
    await open.read([SEGMENT])
    expect(open.reported.at(-1)).toBe(`${SEGMENT + 1000} ${SEGMENT + 1000}`)
    expect(open.connection.copyDones).toBe(1)
  })

  it('is looked at between messages, not inside of one', async () => {
    const open = await warm({ endpos })
    const { stream, writer } = open
    stream.onWalHeader(0, Number(writer.writtenLsn), 0, Number(writer.writtenLsn) + 3000)
    await stream.onWalData(Buffer.alloc(2000), 0, 2000, false)
    expect(stream.stopped).toBe(false)
    await stream.onWalData(Buffer.alloc(1000), 0, 1000, true)
    expect([stream.stopped, open.reported.at(-1)]).toEqual([true, '4000 4000'])
  })
})

describe('the end of a timeline', () => {
  it('flushes everything, and leaves the open segment partial', async () => {
    const over = await warm()
    await sendWal(over.stream, over.writer.writtenLsn, 10)
    await over.stream.onCopyDone()
    expect([over.flushes, over.writer.flushedLsn]).toEqual([1, START + 1010n])
    expect(over.stream.stopped).toBe(false)
  })

  it('that cannot be flushed is an error', async () => {
    const over = await warm()
    await sendWal(over.stream, over.writer.writtenLsn, 10)
    over.disk.on({ operation: 'dataSync' }, { error: 'EIO' })
    await expect(over.stream.onCopyDone()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
  })
})
