import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nodeDisk } from '../disk/node-disk.ts'
import { WalrError } from '../errors/walr-error.ts'
import { segment, SEGMENT } from '../restore/segment.fixture.ts'
import type { HttpSettings } from './http-settings.ts'
import { startWalServer, type WalServer, type WalServerOptions } from './wal-server.ts'
import type { WalSupply } from './wal-supply.ts'
import { CHUNK, KeptLog, MadeUpCopy, MadeUpSource, one, OWNER, supplyOf, two } from './wal-supply.fixture.ts'

const TOKEN = 'correct-horse-battery'
const settings: HttpSettings = {
  listen: '127.0.0.1:0',
  token: undefined,
  certFile: undefined,
  keyFile: undefined,
  clientCaFile: undefined,
  maxDownloads: 4,
}

let source: MadeUpSource
let log: KeptLog
let server: WalServer | undefined
let root: string
beforeEach(() => {
  source = new MadeUpSource()
  log = new KeptLog()
  root = mkdtempSync(join(tmpdir(), 'walr-http-'))
})
afterEach(async () => {
  await server?.stop(0)
  server = undefined
  rmSync(root, { recursive: true })
})

async function start(changes: Partial<HttpSettings> = {}, more: Partial<WalServerOptions> = {}): Promise<WalServer> {
  const all = { settings: { ...settings, ...changes }, supply: supplyOf(source, log), disk: nodeDisk, logger: log }
  server = await startWalServer({ ...all, ...more })
  return server
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

async function ask(
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await begin(path, { method, headers })
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }
}

async function begin(
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<IncomingMessage> {
  const { port } = new URL(server?.address ?? '')
  const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false })
  outgoing.end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  outgoing.on('error', () => undefined)
  return response
}

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
  const { port } = new URL(server?.address ?? '')
  return connect(Number(port), '127.0.0.1')
}

const get = (target: string): Promise<string> => raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
const path = (name: string): string => `/v1/wal/${name}`
const problem = ({ body }: Answer): { code: string; message: string } =>
  JSON.parse(body.toString()) as { code: string; message: string }

describe('a file that is there', () => {
  it.each(['/v1/wal/', '/api/v1/wal/'])('is given whole, with its length, owner and tag, below %s', async (base) => {
    source.addSegment(one)
    await start()
    const { status, headers, body } = await ask(`${base}${one}`)
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
    await start()
    const head = await ask(path(one), { method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) })
    expect(head.headers['content-length']).toBe(String(SEGMENT))
    expect(copy).toMatchObject({ pulled: 1, closed: 1 })
  })

  it.each([`"${OWNER}-${one}"`, `W/"${OWNER}-${one}"`, '*', `"other", "${OWNER}-${one}"`])(
    'is not sent again to who has it: %s',
    async (tag) => {
      const copy = source.addSegment(one)
      await start()
      expect((await ask(path(one), { headers: { 'if-none-match': tag } })).status).toBe(304)
      expect(copy.closed).toBe(1)
      expect((await ask(path(one), { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
    },
  )

  it('is given as a history with its length and without a tag', async () => {
    const text = Buffer.from('1\t0/2000000\tno recovery target specified\n')
    source.add('00000002.history', text)
    await start()
    const { status, headers, body } = await ask(path('00000002.history'))
    expect({ status, body: body.toString() }).toEqual({ status: 200, body: text.toString() })
    expect(headers).toMatchObject({ 'content-length': String(text.length), 'cache-control': 'no-store' })
    expect(headers.etag).toBeUndefined()
  })

  it('is given open, marked as that and not to be kept, unless finished ones only are wanted', async () => {
    source.open.set(two, new MadeUpCopy('open', segment(two, { written: 300_000 }), true))
    await start()
    const { status, headers, body } = await ask(path(two))
    expect({ status, same: body.equals(segment(two, { written: 300_000 })) }).toEqual({ status: 200, same: true })
    expect(headers).toMatchObject({ 'walr-unfinished': 'true', 'cache-control': 'no-store' })
    expect(headers.etag).toBeUndefined()
    expect((await ask(`${path(two)}?partial=never`)).status).toBe(404)
    expect((await ask(`${path(two)}?partial=auto`)).status).toBe(200)
  })

  it('is pulled no faster than the client takes it', async () => {
    const big = Buffer.alloc(64 * SEGMENT)
    segment(one).copy(big)
    big.writeUInt32LE(big.length, 32)
    big.writeBigUInt64LE(BigInt(big.length), 8)
    const copy = source.add(one, big)
    await start()
    const response = await begin(path(one))
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
    await start()
    const response = await begin(path(one))
    response.destroy()
    await vi.waitFor(() => expect(log.lines.join()).toContain('cut'))
    arrived()
    await vi.waitFor(() => expect(copy.closed).toBe(1))
    expect(log.lines.filter((line) => /^(error|warning)/.test(line))).toEqual([])
  })
})

describe('a file that is not there', () => {
  it('is absent, in the name of its owner, and that is not to be kept', async () => {
    await start()
    const answer = await ask(path(one))
    expect(answer.status).toBe(404)
    expect(answer.headers).toMatchObject({ 'walr-system-identifier': OWNER, 'cache-control': 'no-store' })
    expect(problem(answer)).toMatchObject({ code: 'ABSENT' })
  })

  it('is unknown as long as nobody knows whose WAL it is', async () => {
    await start({}, { supply: nameless(undefined) })
    const answer = await ask(path(one))
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
    await start()
    const answer = await ask(path(one))
    expect(answer.status).toBe(503)
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    expect(answer.headers['walr-system-identifier']).toBeUndefined()
    expect(problem(answer).code).toBe(failure.code)
    expect(answer.body.toString()).not.toMatch(/secret/)
    expect(log.text).toContain(failure.message)
  })

  it('is no reason to fill the log: each trouble is told once a minute', async () => {
    source.failure = new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'the storage is away')
    await start()
    for (let times = 0; times < 5; times++) await ask(path(one))
    expect(log.lines.filter((line) => line.startsWith('warning'))).toHaveLength(1)
  })

  it('is unknown after a fault of walr, which the log has', async () => {
    source.failure = new TypeError('x is not a function in /secret/file.ts')
    await start()
    const answer = await ask(path(one))
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
    await start({}, { lookupMs: 50 })
    expect((await ask(path(one))).status).toBe(503)
    expect(seen?.aborted).toBe(true)
  })

  it('is refused when it is wanted of another cluster', async () => {
    source.addSegment(one)
    await start()
    const answer = await ask(`${path(one)}?system=5`)
    expect(answer.status).toBe(409)
    expect(problem(answer).code).toBe('WALR_WRONG_CLUSTER')
    expect((await ask(`${path(two)}?system=5`)).status).toBe(409)
    expect((await ask(`${path(one)}?system=${OWNER}&partial=never`)).status).toBe(200)
  })

  it('is refused of another cluster also when only the segment knows whose it is', async () => {
    source.addSegment(one)
    await start({}, { supply: nameless(OWNER) })
    for (const name of [one, two]) expect((await ask(`${path(name)}?system=5`)).status).toBe(409)
    expect((await ask(path(one))).headers['walr-system-identifier']).toBe(OWNER)
    expect((await ask(path(two))).status).toBe(404)
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
    await start()
    const response = await begin(path(one))
    expect(response.statusCode).toBe(200)
    let length = 0
    const read = async (): Promise<void> => {
      for await (const chunk of response as AsyncIterable<Buffer>) length += chunk.length
    }
    await expect(read()).rejects.toThrow('aborted')
    expect(length).toBeLessThan(SEGMENT)
    expect(good.opened).toBe(0)
    expect(log.text).toContain('the first copy is damaged')
    const { status, body } = await ask(path(one))
    expect({ status, same: body.equals(segment(one)) }).toEqual({ status: 200, same: true })
    // When it is good again, it is given again.
    bad.failAt = undefined
    expect((await ask(path(one))).status).toBe(200)
    expect(bad.opened).toBe(4)
  })

  it('makes the file unknown when there is no other one, instead of being sent by halves again', async () => {
    const bad = source.addSegment(one)
    bad.failAt = SEGMENT
    await start()
    await expect(ask(path(one))).rejects.toThrow('aborted')
    expect((await ask(path(one))).status).toBe(503)
    expect((await ask(path(one), { method: 'HEAD' })).status).toBe(503)
  })

  it('is not begun with when its beginning is bad', async () => {
    source.add(one, segment(one), 'the first copy').failAt = 0
    source.add(one, segment(one), 'the second copy')
    await start()
    expect((await ask(path(one))).body.equals(segment(one))).toBe(true)
    expect(log.text).toContain('the second copy was taken instead')
  })

  it.each([
    ['too short', segment(one).subarray(0, SEGMENT - 1)],
    ['too long', Buffer.concat([segment(one), Buffer.alloc(1)])],
  ])('that is %s ends the connection', async (_, bytes) => {
    source.add(one, bytes)
    await start()
    await expect(ask(path(one))).rejects.toThrow('aborted')
  })

  it('of a storage that fails in the middle ends the connection', async () => {
    const copy = source.addSegment(one)
    copy.failAt = SEGMENT / 2
    copy.failure = new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'the storage is away')
    await start()
    await expect(ask(path(one))).rejects.toThrow('aborted')
    copy.failAt = undefined
    expect((await ask(path(one))).status).toBe(200)
    expect(copy.opened).toBe(2)
  })
})

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
    await start()
    const answer = await get(target.replaceAll('N', one))
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).not.toMatch(/walr-system-identifier/i)
    expect(source.asked).toEqual([])
  })

  it('with too long headers or a too long target is refused', async () => {
    await start()
    expect(await raw(`GET /v1/wal/${'A'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'A'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /)
  })

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'])(
    'with the method %s is refused, and told which ones there are',
    async (method) => {
      source.addSegment(one)
      await start()
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
      await start()
      expect(await raw(bytes)).toMatch(/^HTTP\/1\.1 400 /)
    },
  )

  it('that turns into garbage while it is answered gets no garbage into the answer', async () => {
    const copy = source.addSegment(one)
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    copy.gate = (at) => (at < SEGMENT / 2 ? Promise.resolve() : waiting)
    await start()
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
    await start()
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
    expect((await ask(path(one))).status).toBe(200)
  })

  it('above the limit is told to come again, and is let in when there is room', async () => {
    const copy = source.addSegment(one)
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    copy.gate = () => waiting
    await start({ maxDownloads: 2 })
    const running = [ask(path(one)), ask(path(one))]
    await vi.waitFor(() => expect(copy.opened).toBe(2))
    const third = await ask(path(one))
    expect(third.status).toBe(503)
    expect(third.headers['retry-after']).toMatch(/^\d+$/)
    expect((await ask('/healthz')).status).toBe(200)
    go()
    for (const { status } of await Promise.all(running)) expect(status).toBe(200)
    expect((await ask(path(one))).status).toBe(200)
  })

  it('of a reader that takes nothing is cut, and its place is free', async () => {
    const big = Buffer.alloc(64 * SEGMENT)
    segment(one).copy(big)
    big.writeUInt32LE(big.length, 32)
    source.add(one, big)
    source.addSegment(two)
    await start({ maxDownloads: 1 }, { idleMs: 300 })
    const response = await begin(path(one))
    response.pause()
    response.on('error', () => undefined)
    await vi.waitFor(() => expect(log.text).toContain('has taken nothing'), { timeout: 5000 })
    expect((await ask(path(two))).status).toBe(200)
  })
})

describe('a token', () => {
  it('is needed for everything but the health', async () => {
    source.addSegment(one)
    await start({ token: TOKEN })
    for (const target of [path(one), '/nothing', '/v1/wal/%zz', '/v1/wal/..']) {
      const answer = await ask(target)
      expect(answer.status).toBe(401)
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/)
    }
    expect((await ask(path(one), { method: 'POST' })).status).toBe(401)
    expect((await ask('/healthz')).status).toBe(200)
    expect((await ask(path(one), { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200)
    expect((await ask(path(one), { headers: { authorization: `bearer  ${TOKEN}` } })).status).toBe(200)
    expect(source.asked).toHaveLength(2)
    expect(log.text).not.toContain(TOKEN)
  })

  it.each([
    ...['', 'Bearer', 'Bearer ', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, `Basic ${TOKEN}`, TOKEN],
    ...[`Bearer ${TOKEN} x`, `Bearer ${TOKEN.toUpperCase()}`],
  ])('that is wrong is refused: %j', async (authorization) => {
    source.addSegment(one)
    await start({ token: TOKEN })
    expect((await ask(path(one), { headers: { authorization } })).status).toBe(401)
    expect((await ask(`${path(one)}?token=${TOKEN}`, { headers: { authorization } })).status).toBe(401)
    expect(log.text).not.toContain(TOKEN)
  })
})

describe('listening', () => {
  it('on an address in use fails', async () => {
    const { address } = await start()
    const listen = address.replace('http://', '')
    const again = startWalServer({
      settings: { ...settings, listen },
      supply: supplyOf(source, log),
      disk: nodeDisk,
      logger: log,
    })
    await expect(again).rejects.toMatchObject({
      code: 'WALR_HTTP_LISTEN',
      message: expect.stringContaining(listen) as string,
    })
  })

  it('on a socket takes the place of a walr that was killed, and of nothing else', async () => {
    const socketPath = join(root, 'walr.sock')
    const listen = `unix:${socketPath}`
    source.addSegment(one)
    const { address } = await start({ listen })
    expect(address).toBe(listen)
    const outgoing = request({ socketPath, path: path(one), agent: false }).end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(200)
    response.destroy()
    const other = { settings: { ...settings, listen }, supply: supplyOf(source, log), disk: nodeDisk, logger: log }
    await expect(startWalServer(other)).rejects.toMatchObject({ code: 'WALR_HTTP_LISTEN' })
    expect(existsSync(socketPath)).toBe(true)
    await server?.stop(0)

    writeFileSync(socketPath, 'precious')
    await expect(startWalServer(other)).rejects.toMatchObject({ code: 'WALR_HTTP_LISTEN' })
    expect(readFileSync(socketPath, 'utf8')).toBe('precious')
    rmSync(socketPath)

    await leaveSocket(socketPath)
    await start({ listen })
    expect(existsSync(socketPath)).toBe(true)
  })

  it('for other machines without TLS is warned of', async () => {
    await start({ listen: '0.0.0.0:0', token: TOKEN })
    expect(log.text).toContain('in the clear')
  })

  it('ends: running downloads end well, new ones are refused, idle connections are closed', async () => {
    const copy = source.addSegment(one)
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    copy.gate = (at) => (at < SEGMENT / 2 ? Promise.resolve() : waiting)
    await start()
    const idle = dial()
    idle.on('error', () => undefined)
    await once(idle, 'connect')
    const running = ask(path(one))
    await vi.waitFor(() => expect(copy.opened).toBe(1))
    const since = performance.now()
    const stopped = server?.stop(10_000)
    await vi.waitFor(async () => {
      await expect(ask(path(one))).rejects.toThrow('ECONNREFUSED')
    })
    go()
    expect((await running).body.equals(segment(one))).toBe(true)
    await stopped
    expect(performance.now() - since).toBeLessThan(5000)
  })

  it('ends although a download does not', async () => {
    const copy = source.addSegment(one)
    copy.gate = (at) => (at === 0 ? Promise.resolve() : new Promise(() => undefined))
    await start()
    const running = ask(path(one))
    running.catch(() => undefined)
    await vi.waitFor(() => expect(copy.opened).toBe(1))
    await server?.stop(50)
    await expect(running).rejects.toThrow()
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

/** As a killed process leaves one. */
async function leaveSocket(socketPath: string): Promise<void> {
  const listener = createServer()
  const elsewhere = `${socketPath}.moved`
  listener.listen(socketPath)
  await once(listener, 'listening')
  await nodeDisk.rename(socketPath, elsewhere)
  listener.close()
  await once(listener, 'close')
  await nodeDisk.rename(elsewhere, socketPath)
}

async function* waitFor(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  yield Buffer.alloc(0)
}
