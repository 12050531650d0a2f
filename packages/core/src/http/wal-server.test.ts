import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WalrError } from '../errors/walr-error.ts'
import { OWNER, segment, SEGMENT } from '../restore/segment.fixture.ts'
import type { RecordingLogger } from '../wal/recording.fixture.ts'
import { path, problem, WalServerBench } from './wal-server.fixture.ts'
import type { WalSupply } from './wal-supply.ts'
import { CHUNK, MadeUpCopy, one, supplyOf, two, type MadeUpSource } from './wal-supply.fixture.ts'

let bench: WalServerBench
let source: MadeUpSource
let log: RecordingLogger
beforeEach(() => {
  bench = new WalServerBench()
  ;({ source, log } = bench)
})
afterEach(() => bench.dispose())

describe('a file that is there', () => {
  it.each(['/v1/wal/', '/api/v1/wal/'])('is given whole, with its length, owner and tag, below %s', async (base) => {
    source.addSegment(one)
    await bench.start()
    const { status, headers, body } = await bench.ask(`${base}${one}`)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-length': String(SEGMENT),
      'walr-system-identifier': OWNER,
      'walr-unfinished': 'false',
      etag: `"${OWNER}-${one}"`,
    })
    expect(body.equals(segment(one))).toBe(true)
  })

  it('answers HEAD as GET, and reads no more than its beginning', async () => {
    const copy = source.addSegment(one)
    await bench.start()
    const head = await bench.ask(path(one), { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) })
    expect(head.headers['content-length']).toBe(String(SEGMENT))
    expect(copy).toMatchObject({ pulled: 1, closed: 1 })
  })

  it.each([`"${OWNER}-${one}"`, `W/"${OWNER}-${one}"`, '*', `"other", "${OWNER}-${one}"`])(
    'is not sent again to who has it: %s',
    async (tag) => {
      const copy = source.addSegment(one)
      await bench.start()
      expect((await bench.ask(path(one), { headers: { 'if-none-match': tag } })).status).toBe(304)
      expect(copy.closed).toBe(1)
      expect((await bench.ask(path(one), { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
    },
  )

  it('is given as a history with its length and without a tag', async () => {
    const text = Buffer.from('1\t0/2000000\tno recovery target specified\n')
    source.add('00000002.history', text)
    await bench.start()
    const { status, headers, body } = await bench.ask(path('00000002.history'))
    expect({ status, body: body.toString() }).toEqual({ status: 200, body: text.toString() })
    expect(headers).toMatchObject({ 'content-length': String(text.length), 'cache-control': 'no-store' })
    expect(headers.etag).toBeUndefined()
  })

  it('is given open, marked as that and not to be kept, unless finished ones only are wanted', async () => {
    source.open.set(two, new MadeUpCopy('open', segment(two, { written: 300_000 }), true))
    await bench.start()
    const { status, headers, body } = await bench.ask(path(two))
    expect({ status, same: body.equals(segment(two, { written: 300_000 })) }).toEqual({ status: 200, same: true })
    expect(headers).toMatchObject({ 'walr-unfinished': 'true', 'cache-control': 'no-store' })
    expect(headers.etag).toBeUndefined()
    expect((await bench.ask(`${path(two)}?partial=never`)).status).toBe(404)
    expect((await bench.ask(`${path(two)}?partial=auto`)).status).toBe(200)
  })

  it('is pulled no faster than the client takes it', async () => {
    const big = Buffer.alloc(64 * SEGMENT)
    segment(one).copy(big)
    big.writeUInt32LE(big.length, 32)
    big.writeBigUInt64LE(BigInt(big.length), 8)
    const copy = source.add(one, big)
    await bench.start()
    const response = await bench.begin(path(one))
    response.pause()
    await vi.waitFor(() => expect(copy.pulled).toBeGreaterThan(2))
    let before = -1
    // It comes to rest while most is not sent yet.
    await vi.waitFor(
      () => {
        const still = copy.pulled === before
        before = copy.pulled
        expect(still).toBe(true)
      },
      { interval: 300, timeout: 10_000 },
    )
    expect(copy.pulled * CHUNK).toBeLessThan(big.length / 2)
    let length = 0
    for await (const chunk of response as AsyncIterable<Buffer>) length += chunk.length
    expect(length).toBe(big.length)
  })

  it('is let go of when the client goes away', async () => {
    const copy = source.addSegment(one)
    let arrived = (): void => undefined
    const waiting = new Promise<void>((resolve) => (arrived = resolve))
    copy.gate = (at) => (at === 0 ? Promise.resolve() : waiting)
    await bench.start()
    const response = await bench.begin(path(one))
    response.destroy()
    await vi.waitFor(() => expect(log.lines.join()).toContain('cut'))
    arrived()
    await vi.waitFor(() => expect(copy.closed).toBe(1))
    expect(log.lines.filter((line) => /^(error|warning)/.test(line))).toEqual([])
  })
})

describe('a file that is not there', () => {
  it('is absent, in the name of its owner, and that is not to be kept', async () => {
    await bench.start()
    const answer = await bench.ask(path(one))
    expect(answer.status).toBe(404)
    expect(answer.headers).toMatchObject({ 'walr-system-identifier': OWNER, 'cache-control': 'no-store' })
    expect(problem(answer)).toMatchObject({ code: 'ABSENT' })
  })

  it('is told to who asks, and not to the log, also before later WAL of its timeline', async () => {
    source.followed.add(one)
    await bench.start()
    for (const name of [one, '00000002.history']) {
      const { status, headers } = await bench.ask(path(name))
      expect([status, headers['walr-followed']]).toEqual([404, name === one ? 'true' : undefined])
    }
    expect(log.lines.filter((line) => !line.startsWith('info: http: GET'))).toEqual([])
  })

  it('is unknown as long as nobody knows whose WAL it is', async () => {
    await bench.start({}, { supply: nameless(undefined) })
    const answer = await bench.ask(path(one))
    expect(answer.status).toBe(503)
    expect(answer.headers['walr-system-identifier']).toBeUndefined()
  })

  it.each([
    new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'could not reach https://secret.example/bucket'),
    new WalrError('WALR_DIRECTORY', 'could not read "/var/lib/secret": No such file or directory'),
    new WalrError('WALR_KEY', 'key of /run/secret'),
    new WalrError('WALR_ARCHIVE_REFUSED', 'no permission for secret'),
  ])('is unknown when it cannot be looked for, and the reason stays in the log: $code', async (failure) => {
    source.failure = failure
    await bench.start()
    const answer = await bench.ask(path(one))
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    expect(answer.headers['walr-system-identifier']).toBeUndefined()
    expect(problem(answer).code).toBe(failure.code)
    expect(answer.body.toString()).not.toMatch(/secret/)
    expect(log.text).toContain(failure.message)
  })

  it('is no reason to fill the log: each trouble is told once a minute', async () => {
    source.failure = new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'the storage is away')
    await bench.start()
    for (let times = 0; times < 5; times++) await bench.ask(path(one))
    expect(log.lines.filter((line) => line.startsWith('warning'))).toHaveLength(1)
  })

  it('is unknown after a fault of walr, which the log has', async () => {
    source.failure = new TypeError('x is not a function in /secret/file.ts')
    await bench.start()
    const answer = await bench.ask(path(one))
    expect(answer.status).toBe(500)
    expect(answer.body.toString()).not.toContain('secret')
    expect(log.text).toContain('x is not a function')
  })

  it('is unknown when looking takes too long, and what looks is told to stop', async () => {
    const copy = source.addSegment(one)
    let seen: AbortSignal | undefined
    copy.open = (signal): AsyncGenerator<Uint8Array> => {
      seen = signal
      return waitFor(signal)
    }
    await bench.start({}, { lookupMs: 50 })
    expect((await bench.ask(path(one))).status).toBe(503)
    expect(seen?.aborted).toBe(true)
  })

  it('is refused when it is wanted of another cluster', async () => {
    source.addSegment(one)
    await bench.start()
    const answer = await bench.ask(`${path(one)}?system=5`)
    expect(answer.status).toBe(409)
    expect(problem(answer).code).toBe('WALR_WRONG_CLUSTER')
    expect((await bench.ask(`${path(two)}?system=5`)).status).toBe(409)
    expect((await bench.ask(`${path(one)}?system=${OWNER}&partial=never`)).status).toBe(200)
  })

  it('is refused of another cluster also when only the segment knows whose it is', async () => {
    source.addSegment(one)
    await bench.start({}, { supply: nameless(OWNER) })
    for (const name of [one, two]) expect((await bench.ask(`${path(name)}?system=5`)).status).toBe(409)
    expect((await bench.ask(path(one))).headers['walr-system-identifier']).toBe(OWNER)
    expect((await bench.ask(path(two))).status).toBe(404)
  })
})

describe('a damaged copy', () => {
  it.each([
    ['in the middle', SEGMENT / 2],
    ['at its end, when all its bytes have passed', SEGMENT],
  ])('%s ends the connection and never looks whole; the next request gets another one', async (_, failAt) => {
    const bad = source.add(one, segment(one), 'the first copy')
    bad.failAt = failAt
    const good = source.add(one, segment(one), 'the second copy')
    await bench.start()
    const response = await bench.begin(path(one))
    expect(response.statusCode).toBe(200)
    let length = 0
    const read = async (): Promise<void> => {
      for await (const chunk of response as AsyncIterable<Buffer>) length += chunk.length
    }
    await expect(read()).rejects.toThrow('aborted')
    expect(length).toBeLessThan(SEGMENT)
    expect(good.opened).toBe(0)
    expect(log.text).toContain('the first copy is damaged')
    const { status, body } = await bench.ask(path(one))
    expect({ status, same: body.equals(segment(one)) }).toEqual({ status: 200, same: true })
    // When it is good again, it is given again.
    bad.failAt = undefined
    expect((await bench.ask(path(one))).status).toBe(200)
    expect(bad.opened).toBe(4)
  })

  it('makes the file unknown when there is no other one, instead of being sent by halves again', async () => {
    const bad = source.addSegment(one)
    bad.failAt = SEGMENT
    await bench.start()
    await expect(bench.ask(path(one))).rejects.toThrow('aborted')
    expect((await bench.ask(path(one))).status).toBe(503)
    expect((await bench.ask(path(one), { method: 'HEAD' })).status).toBe(503)
  })

  it('is not begun with when its beginning is bad', async () => {
    source.add(one, segment(one), 'the first copy').failAt = 0
    source.add(one, segment(one), 'the second copy')
    await bench.start()
    expect((await bench.ask(path(one))).body.equals(segment(one))).toBe(true)
    expect(log.text).toContain('the second copy was taken instead')
  })

  it.each([
    ['too short', segment(one).subarray(0, SEGMENT - 1)],
    ['too long', Buffer.concat([segment(one), Buffer.alloc(1)])],
  ])('that is %s ends the connection', async (_, bytes) => {
    source.add(one, bytes)
    await bench.start()
    await expect(bench.ask(path(one))).rejects.toThrow('aborted')
  })

  it('of a storage that fails in the middle ends the connection', async () => {
    const copy = source.addSegment(one)
    copy.failAt = SEGMENT / 2
    copy.failure = new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'the storage is away')
    await bench.start()
    await expect(bench.ask(path(one))).rejects.toThrow('aborted')
    copy.failAt = undefined
    expect((await bench.ask(path(one))).status).toBe(200)
    expect(copy.opened).toBe(2)
  })
})

describe('a file that may have left for an archive', () => {
  it.each([
    [true, 'is not served'],
    [false, 'cannot be reached'],
  ])('is unknown, and the answer says why: archive not served %s', async (lacksArchive, reason) => {
    const supply = supplyOf(source, log)
    source.failure = new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'it is not in "/secret"')
    await bench.start({}, { supply: { open: async () => ({ ...(await supply.open()), lacksArchive }) } })
    const answer = await bench.ask(path(one))
    expect(answer.status).toBe(503)
    expect(problem(answer)).toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
    expect(problem(answer).message).toContain(reason)
    expect(answer.body.toString()).not.toContain('/secret')
  })
})

/** WAL that does not say whose it is before somebody is asked. */
function nameless(owner: typeof OWNER | undefined): WalSupply {
  return {
    open: async () => ({
      ...(await supplyOf(source, log).open()),
      systemIdentifier: undefined,
      identify: () => Promise.resolve(owner),
    }),
  }
}

async function* waitFor(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  yield Buffer.alloc(0)
}
