import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { segment, SEGMENT } from '../restore/segment.fixture.ts'
import type { RecordingLogger } from '../wal/recording.fixture.ts'
import { path, TOKEN, WalServerBench } from './wal-server.fixture.ts'
import { one, two, type MadeUpSource } from './wal-supply.fixture.ts'

let bench: WalServerBench
let source: MadeUpSource
let log: RecordingLogger
beforeEach(() => {
  bench = new WalServerBench()
  ;({ source, log } = bench)
})
afterEach(() => bench.dispose())

/** Writes bytes as they are and collects what comes until the end. */
async function raw(bytes: string | Buffer): Promise<string> {
  const socket = dial()
  socket.write(bytes)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => undefined)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString('latin1')
}

function dial(): Socket {
  return connect(bench.port, '127.0.0.1')
}

const get = (target: string): Promise<string> => raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)

describe('a request', () => {
  it.each([
    ...['', '/', '/v1', '/v1/wal', '/v1/wal/', '/v1/wal/x', '/V1/wal/N', '//v1/wal/N', '/v1//wal/N', '/v1/wal//N'],
    ...['/v1/wal/N/', '/v1/wal/N/x', '/v1/wal/N%00', '/v1/wal/%30N', '/v1/wal/../../N', '/v1/wal/..%2f..%2fN'],
    ...['/v1/wal/%2e%2e%2fN', '/v1/wal/..\\N', '/v1/wal/N.gz', '/v1/wal/N.zst', '/v1/wal/.walr', '/v1/wal/N;x'],
    ...['/v1/wal/N?partial=maybe', '/v1/wal/N?partial=auto&partial=never', '/v1/wal/N?x=1', '/v1/wal/N?system='],
    ...['/v1/wal/N?system=x', '/v1/wal/N?system=1&system=2', '/v1/wal/N?partial', '/v1/wal/N?&', '/v1/wal/N#x'],
    ...['/v1/wal/N?system=99999999999999999999999', '/v1/wal/%zz', '/v1/wal/%', '/v1/wal/00000000.history'],
    ...['/v1/wal/N.partial.partial', '/v1/wal/N.00000028.backup.x', 'http://127.0.0.1/v1/wal/N', '*', 'v1/wal/N'],
    ...['/etc/passwd', '/v1/wal//etc/passwd', '/v1/wal/identity.json', '/proc/self/environ', '/v1/wal/N\u00e9'],
    ...[
      `/v1/wal/${'A'.repeat(65)}`,
      `/v1/wal/${'0'.repeat(4000)}`,
      '/v1/wal/n'.toLowerCase(),
      '/healthz/',
      '/healthz/../v1/wal/N',
    ],
  ])('for %j is no request for WAL', async (target) => {
    source.addSegment(one)
    await bench.start()
    const answer = await get(target.replaceAll('N', one))
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).not.toMatch(/walr-system-identifier/i)
    expect(source.asked).toEqual([])
  })

  it('with too long headers or a too long target is refused', async () => {
    await bench.start()
    expect(await raw(`GET /v1/wal/${'A'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'A'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'])(
    'with the method %s is refused, and told which ones there are',
    async (method) => {
      source.addSegment(one)
      await bench.start()
      for (const target of [path(one), '/healthz', '/nothing']) {
        const answer = await raw(
          `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Type: text/odd\r\n\r\nhallo`,
        )
        expect(answer).toMatch(/^HTTP\/1\.1 405 /)
        expect(answer).toMatch(/\r\nallow: GET, HEAD\r\n/i)
      }
    },
  )

  it.each(['hallo\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\u0016\u0003\u0001\u0002\u0000', 'GET /v1/wal/x\r\n\r\n'])(
    'that is none is refused: %j',
    async (bytes) => {
      await bench.start()
      expect(await raw(bytes)).toMatch(/^HTTP\/1\.1 400 /)
    },
  )

  it('that turns into garbage while it is answered gets no garbage into the answer', async () => {
    const copy = source.addSegment(one)
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    copy.gate = (at) => (at < SEGMENT / 2 ? Promise.resolve() : waiting)
    await bench.start()
    const socket = dial()
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', () => undefined)
    socket.write(`GET ${path(one)} HTTP/1.1\r\nHost: x\r\n\r\n`)
    await vi.waitFor(() => expect(Buffer.concat(chunks).length).toBeGreaterThan(SEGMENT / 4))
    socket.write('garbage\r\n\r\n')
    await once(socket, 'close')
    go()
    expect(Buffer.concat(chunks).indexOf('400 Bad Request')).toBe(-1)
  })

  it('of any form is answered, and never with anything but a WAL file by its own name', async () => {
    source.addSegment(one)
    await bench.start()
    const name = fc.oneof(
      fc.constantFrom(one, two, '00000002.history', `${one}.partial`, `${one}.00000028.backup`, '..', '%2e%2e', '%2f'),
      fc.stringMatching(/^[0-9A-F]{24}$/),
      fc.stringMatching(/^[0-9A-Fa-f./%\\;?&=]{0,40}$/),
      fc.string({ unit: 'binary', maxLength: 30 }),
    )
    const target = fc.oneof(
      fc
        .tuple(fc.constantFrom('/v1/wal/', '/api/v1/wal/', '/', '//', 'http://x/v1/wal/'), name)
        .map((parts) => parts.join('')),
      fc
        .array(fc.oneof(name, fc.constantFrom('/', '?', '#', ';', 'v1', 'wal')), { maxLength: 6 })
        .map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 60 }),
    )
    await fc.assert(
      fc.asyncProperty(target, async (text) => {
        const answer = await get(text)
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0)
        const known =
          /^\/(?:api\/)?v1\/wal\/([0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history)(?:\?|$)/.exec(
            text,
          )?.[1]
        if (status === 200) expect(known ?? text).toMatch(new RegExp(`^(?:${one}|/healthz)`))
        else if (status === 404) expect(known).not.toBeUndefined()
        // A connection that is closed without a word is one that was not understood at all.
        else expect([0, 400, 405, 431, 505]).toContain(status)
      }),
      { numRuns: 400 },
    )
    expect(source.asked.every((asked) => /^[0-9A-F]{8}/.test(asked))).toBe(true)
    expect((await bench.ask(path(one))).status).toBe(200)
  })

  it('above the limit is told to come again, and is let in when there is room', async () => {
    const copy = source.addSegment(one)
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    copy.gate = () => waiting
    await bench.start({ maxDownloads: 2 })
    const running = [bench.ask(path(one)), bench.ask(path(one))]
    await vi.waitFor(() => expect(copy.opened).toBe(2))
    const third = await bench.ask(path(one))
    expect(third.status).toBe(503)
    expect(third.headers['retry-after']).toMatch(/^\d+$/)
    expect((await bench.ask('/healthz')).status).toBe(200)
    go()
    for (const { status } of await Promise.all(running)) expect(status).toBe(200)
    expect((await bench.ask(path(one))).status).toBe(200)
  })

  it('of a reader that takes nothing is cut, and its place is free', async () => {
    const big = Buffer.alloc(64 * SEGMENT)
    segment(one).copy(big)
    big.writeUInt32LE(big.length, 32)
    source.add(one, big)
    source.addSegment(two)
    await bench.start({ maxDownloads: 1 }, { idleMs: 300 })
    const response = await bench.begin(path(one))
    response.pause()
    response.on('error', () => undefined)
    await vi.waitFor(() => expect(log.text).toContain('has taken nothing'), { timeout: 5000 })
    expect((await bench.ask(path(two))).status).toBe(200)
  })
})

describe('a token', () => {
  it('is needed for everything but the health', async () => {
    source.addSegment(one)
    await bench.start({ token: TOKEN })
    for (const target of [path(one), '/nothing', '/v1/wal/%zz', '/v1/wal/..']) {
      const answer = await bench.ask(target)
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    }
    expect((await bench.ask(path(one), { method: 'POST' })).status).toBe(401)
    expect((await bench.ask('/healthz')).status).toBe(200)
    expect((await bench.ask(path(one), { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200)
    expect((await bench.ask(path(one), { headers: { authorization: `bearer  ${TOKEN}` } })).status).toBe(200)
    expect(source.asked).toHaveLength(2)
    expect(log.text).not.toContain(TOKEN)
  })

  it.each([
    ...['', 'Bearer', 'Bearer ', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Basic ${TOKEN}`, TOKEN],
    ...[`Bearer ${TOKEN} x`, `Bearer ${TOKEN.toUpperCase()}`],
  ])('that is wrong is refused: %j', async (authorization) => {
    source.addSegment(one)
    await bench.start({ token: TOKEN })
    expect((await bench.ask(path(one), { headers: { authorization } })).status).toBe(401)
    expect((await bench.ask(`${path(one)}?token=${TOKEN}`, { headers: { authorization } })).status).toBe(401)
    expect(log.text).not.toContain(TOKEN)
  })
})
