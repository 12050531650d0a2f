import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeDisk } from '../disk/node-disk.ts'
import { startWalServer } from '../http/wal-server.ts'
import { KeptLog, MadeUpCopy, MadeUpSource, one, OWNER, supplyOf, two } from '../http/wal-supply.fixture.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { failureKind } from './failure-kind.ts'
import { segment, SEGMENT } from './segment.fixture.ts'
import { createServeSource, type ServeSource, type ServeSourceOptions } from './serve-source.ts'
import { VanishedFile } from './vanished-file.ts'
import { WalFetcher } from './wal-fetcher.ts'
import { parseWantedFile } from './wanted-file.ts'

const { signal } = new AbortController()
const TOKEN = 'correct-horse-battery'

let root: string
let cleaning: (() => unknown)[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-serve-'))
  cleaning = [() => rmSync(root, { recursive: true })]
})
afterEach(async () => {
  for (const clean of cleaning.toReversed()) await clean()
})

async function sourceFor(url: string, more: Partial<ServeSourceOptions> = {}): Promise<ServeSource> {
  const source = await createServeSource({ disk: nodeDisk, url, systemIdentifier: OWNER, ...more })
  cleaning.push(() => source[Symbol.asyncDispose]())
  return source
}

/** A real server of walr's, with made-up WAL behind it. */
async function walr(
  token?: string,
): Promise<{ url: string; wal: MadeUpSource; log: KeptLog; stop: () => Promise<void> }> {
  const wal = new MadeUpSource()
  const log = new KeptLog()
  const files = { certFile: undefined, keyFile: undefined, clientCaFile: undefined }
  const settings = { listen: '127.0.0.1:0', token, ...files, maxDownloads: 16 }
  const server = await startWalServer({ settings, supply: supplyOf(wal, log), disk: nodeDisk, logger: log })
  const stop = (): Promise<void> => server.stop(0)
  cleaning.push(() => stop().catch(() => undefined))
  return { url: server.address, wal, log, stop }
}

/** A server that is none of walr's. */
async function fake(answer: RequestListener): Promise<string> {
  const server: Server = createServer(answer)
  return listening(server, () => server.closeAllConnections())
}

async function fakeTcp(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  return listening(server, () => {
    for (const socket of sockets) socket.destroy()
  })
}

async function listening(server: TcpServer, end: () => void): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleaning.push(() => {
    server.close()
    end()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function fetchFile(
  source: ServeSource,
  name: string,
  partial: 'auto' | 'never' = 'auto',
): Promise<Buffer | 'absent'> {
  const fetcher = new WalFetcher({ sources: [source], logger: new KeptLog() })
  const chunks: Buffer[] = []
  const outcome = await fetcher.fetch(
    { wanted: parseWantedFile(name), partial },
    async (copy) => {
      chunks.length = 0
      for await (const chunk of copy.open(signal)) chunks.push(Buffer.from(chunk))
    },
    signal,
  )
  return outcome === 'absent' ? 'absent' : Buffer.concat(chunks)
}

const good = { 'walr-system-identifier': OWNER, 'walr-unfinished': 'false' }
function reply(status: number, headers: Record<string, string> = {}, body: string | Buffer = ''): RequestListener {
  return (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
    response.end(body)
  }
}

describe('another walr', () => {
  it('gives finished segments, open ones, histories, and says what is absent', async () => {
    const { url, wal } = await walr()
    wal.addSegment(one)
    const open = segment(two, { written: 300_000 })
    wal.open.set(two, new MadeUpCopy('open', open, true))
    const history = Buffer.from('1\t0/2000000\tno recovery target specified\n')
    wal.add('00000002.history', history)
    const source = await sourceFor(url)
    expect(await fetchFile(source, one)).toEqual(segment(one))
    expect(await fetchFile(source, two)).toEqual(open)
    expect(await fetchFile(source, two, 'never')).toBe('absent')
    expect(await fetchFile(source, '00000002.history')).toEqual(history)
    expect(await fetchFile(source, '00000003.history')).toBe('absent')
    expect(await fetchFile(source, `${one}.00000028.backup`)).toBe('absent')
  })

  it('is found below a path of its own', async () => {
    const paths: (string | undefined)[] = []
    const url = await fake((request, response) => {
      paths.push(request.url)
      reply(404, good)(request, response)
    })
    expect(await fetchFile(await sourceFor(`${url}/pg/main/`), one, 'never')).toBe('absent')
    expect(paths).toEqual([`/pg/main/v1/wal/${one}?partial=never&system=${OWNER}`])
  })

  it('is given the token, which nothing shows', async () => {
    const { url, wal, log } = await walr(TOKEN)
    wal.addSegment(one)
    const tokenFile = join(root, 'token')
    writeFileSync(tokenFile, `${TOKEN}\n`)
    expect(await fetchFile(await sourceFor(url, { tokenFile }), one)).toEqual(segment(one))
    writeFileSync(tokenFile, `${TOKEN}2`)
    const refused = fetchFile(await sourceFor(url, { tokenFile }), one)
    await expect(refused).rejects.toMatchObject({
      code: 'WALR_SERVE_REFUSED',
      message: expect.stringContaining('401') as string,
    })
    await expect(fetchFile(await sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
    await expect(refused).rejects.not.toThrow(TOKEN)
    expect(log.text).not.toContain(TOKEN)
  })

  it('that has become unreachable is an outage, and is used again when it is back', async () => {
    const { url, wal, stop } = await walr()
    wal.addSegment(one)
    const source = await sourceFor(url)
    await fetchFile(source, one)
    await stop()
    const error: unknown = await fetchFile(source, one).catch((failure: unknown) => failure)
    expect(error).toMatchObject({
      code: 'WALR_SERVE_UNAVAILABLE',
      message: expect.stringContaining('refused') as string,
    })
    expect(failureKind(error)).toBe('outage')
  })

  it('of another cluster is refused, whatever it says of the file', async () => {
    const { url, wal } = await walr()
    wal.addSegment(one)
    const other = '42' as typeof OWNER
    for (const name of [one, two]) {
      await expect(fetchFile(await sourceFor(url, { systemIdentifier: other }), name)).rejects.toMatchObject({
        code: 'WALR_SERVE_REFUSED',
        message: expect.stringContaining('409') as string,
      })
    }
    // One that does not look at "system".
    for (const status of [200, 404]) {
      const deaf = await fake(reply(status, { ...good, 'walr-system-identifier': '43' }, ''))
      await expect(fetchFile(await sourceFor(deaf), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
    }
  })

  it('stays the same when nobody said whose WAL is wanted', async () => {
    let owner: string = OWNER
    const url = await fake((request, response) => {
      reply(404, { ...good, 'walr-system-identifier': owner })(request, response)
    })
    const source = await sourceFor(url, { systemIdentifier: undefined })
    expect(await fetchFile(source, one)).toBe('absent')
    expect(source.systemIdentifier).toBe(OWNER)
    owner = '43'
    await expect(fetchFile(source, one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
  })

  it('answers again when a copy is read a second time, or was left unread for long', async () => {
    const { url, wal, log } = await walr()
    const copy = wal.addSegment(one)
    const source = await sourceFor(url, { silenceMs: 200 })
    for await (const served of source.finished(parseWantedFile(one), signal)) {
      for (let times = 0; times < 2; times++) expect(await collect(served.open(signal))).toEqual(segment(one))
      expect(copy.opened).toBe(2)
    }
    copy.gate = (at) => (at < SEGMENT / 2 || copy.opened > 3 ? Promise.resolve() : new Promise(() => undefined))
    for await (const served of source.finished(parseWantedFile(one), signal)) {
      await expect.poll(() => log.text).toContain(', cut')
      expect(await collect(served.open(signal))).toEqual(segment(one))
    }
    expect(copy.opened).toBe(4)
  })

  it('is asked anew for a segment that was finished in between', async () => {
    const { url, wal } = await walr()
    wal.addSegment(one)
    const source = await sourceFor(url)
    await expect(source.unfinished(one as WalFileName, signal)).rejects.toBeInstanceOf(VanishedFile)
  })

  it('is let go of when nobody wants the file any more', async () => {
    const { url, wal, log } = await walr()
    const copy = wal.addSegment(one)
    copy.gate = (at) => (at < SEGMENT / 2 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, 5)))
    const source = await sourceFor(url)
    for await (const served of source.finished(parseWantedFile(one), signal)) {
      for await (const chunk of served.open(signal)) if (chunk.length > 0) break
    }
    const stop = new AbortController()
    for await (const served of source.finished(parseWantedFile(one), stop.signal)) {
      const reading = collect(served.open(stop.signal))
      stop.abort(new Error('enough'))
      await expect(reading).rejects.toThrow('enough')
    }
    await expect.poll(() => copy.closed).toBe(2)
    expect(log.text).not.toContain('error')
  })

  it('keeps its connections', async () => {
    const connections = new Set<unknown>()
    const url = await fake((request, response) => {
      connections.add(request.socket)
      if (request.url?.includes(one) === true) reply(200, good, segment(one))(request, response)
      else reply(404, good, '{}')(request, response)
    })
    const source = await sourceFor(url)
    for (let times = 0; times < 3; times++) {
      await fetchFile(source, one)
      await fetchFile(source, two)
    }
    expect(connections.size).toBe(1)
  })
})

describe('what is no good answer', () => {
  it.each([
    ['a 404 of something else', 404, {}],
    ['a 404 with a strange owner', 404, { 'walr-system-identifier': 'x' }],
    ['a 200 of something else', 200, {}],
    ['a file without a word on whether it is finished', 200, { 'walr-system-identifier': OWNER }],
    ['a compressed file', 200, { ...good, 'content-encoding': 'gzip' }],
    ['a redirect', 302, { ...good, location: 'http://127.0.0.1:1/' }],
    ['a permanent redirect', 308, { ...good, location: '/elsewhere' }],
    ['a refusal', 403, {}],
    ['a demand for a token', 401, {}],
    ['a wrong name', 400, good],
    ['a part', 206, good],
    ['nothing new', 304, good],
    ['no content', 204, good],
  ])('is refused: %s', async (_, status, headers) => {
    const url = await fake(reply(status, headers, status === 304 || status === 204 ? '' : 'x'))
    const error: unknown = await fetchFile(await sourceFor(url), one).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'WALR_SERVE_REFUSED' })
    expect(failureKind(error)).toBe('refused')
  })

  it.each([500, 502, 503, 504, 429, 408])('is an outage: %i', async (status) => {
    const url = await fake(
      reply(status, {}, JSON.stringify({ code: 'WALR_X', message: 'the\u001b[31m storage is away', hint: 'wait' })),
    )
    await expect(fetchFile(await sourceFor(url), one)).rejects.toMatchObject({
      code: 'WALR_SERVE_UNAVAILABLE',
      message: expect.stringMatching(/ answered \d+: the\?\[31m storage is away$/) as string,
      hint: 'wait',
    })
  })

  it.each<[string, (socket: Socket) => void]>([
    ['a connection that is closed at once', (socket) => socket.destroy()],
    ['a connection that is closed behind the headers', (socket) => answerWith(socket, Buffer.alloc(0))],
    ['a body that ends early', (socket) => answerWith(socket, segment(one).subarray(0, SEGMENT - 1))],
    ['silence', () => undefined],
    ['silence in the headers', (socket) => void socket.write('HTTP/1.1 200 OK\r\nWalr-Unf')],
    [
      'silence in the body',
      (socket) => void socket.write(Buffer.concat([Buffer.from(head(SEGMENT)), segment(one).subarray(0, 99)])),
    ],
  ])('is an outage: %s', async (_, onSocket) => {
    const url = await fakeTcp((socket) => void socket.once('data', () => onSocket(socket)))
    await expect(fetchFile(await sourceFor(url, { silenceMs: 300 }), one)).rejects.toMatchObject({
      code: 'WALR_SERVE_UNAVAILABLE',
    })
  })

  it.each([
    ['something that is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    [
      'a body without an end of its own',
      `HTTP/1.1 200 OK\r\nWalr-System-Identifier: ${OWNER}\r\nWalr-Unfinished: false\r\n\r\n`,
    ],
    [
      'chunks',
      `HTTP/1.1 200 OK\r\nWalr-System-Identifier: ${OWNER}\r\nWalr-Unfinished: false\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
  ])('is refused: %s', async (_, text) => {
    const url = await fakeTcp((socket) => void socket.once('data', () => socket.end(text)))
    await expect(fetchFile(await sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
  })

  it('is an outage: a name that nobody knows, a port where nobody listens', async () => {
    for (const url of ['http://walr.invalid', 'http://127.0.0.1:1']) {
      await expect(fetchFile(await sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_UNAVAILABLE' })
    }
  })

  it('is refused: no TLS where it is wanted', async () => {
    const url = await fake(reply(404, good))
    await expect(fetchFile(await sourceFor(url.replace('http:', 'https:')), one)).rejects.toMatchObject({
      code: 'WALR_SERVE_REFUSED',
      message: expect.stringContaining('no secure connection') as string,
    })
  })

  it.each([
    ['other WAL', segment(two), 'WALR_SEGMENT_CORRUPT'],
    ['WAL of another cluster', segment(one, { cluster: 5n }), 'WALR_WRONG_CLUSTER'],
    ['half a segment', segment(one).subarray(0, SEGMENT / 2), 'WALR_SEGMENT_CORRUPT'],
    ['nothing', Buffer.alloc(0), 'WALR_SEGMENT_CORRUPT'],
    ['zeros', Buffer.alloc(SEGMENT), 'WALR_SEGMENT_CORRUPT'],
  ])('is damaged: %s', async (_, body, code) => {
    const url = await fake(reply(200, good, body))
    await expect(fetchFile(await sourceFor(url), one)).rejects.toMatchObject({ code })
  })

  it('is damaged: a history that PostgreSQL could not read', async () => {
    const url = await fake(reply(200, good, 'hallo'))
    await expect(fetchFile(await sourceFor(url), '00000002.history')).rejects.toMatchObject({ code: 'WALR_TIMELINE' })
  })

  it('is refused: an open segment where a finished one is wanted', async () => {
    const url = await fake(reply(200, { ...good, 'walr-unfinished': 'true' }, segment(one)))
    await expect(fetchFile(await sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
  })

  it('survives a kept connection that the other side has closed meanwhile', async () => {
    let requests = 0
    const url = await fakeTcp((socket) => {
      socket.on('data', () => {
        requests += 1
        if (requests === 2) socket.destroy()
        else socket.write(`HTTP/1.1 404 Not Found\r\nWalr-System-Identifier: ${OWNER}\r\nContent-Length: 0\r\n\r\n`)
      })
    })
    const source = await sourceFor(url)
    expect(await fetchFile(source, one, 'never')).toBe('absent')
    expect(await fetchFile(source, one, 'never')).toBe('absent')
    expect(requests).toBe(3)
  })
})

describe('an address', () => {
  it.each([
    ...['', 'x', '127.0.0.1:7070', 'ftp://x', 'file:///etc', 'http://', 'http://x/?a=b', 'http://x/#a', 'unix:/x'],
    ...['http://user:secret1@x', 'http://secret1@x', 'htp://user:secret1@x'],
  ])('that is none is an error of usage, and shows no password: %s', async (url) => {
    const error: unknown = await sourceFor(url).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'WALR_USAGE' })
    expect(String(error)).not.toContain('secret1')
  })

  it('comes with files that can be read, and go together', async () => {
    const missing = join(root, 'missing')
    const empty = join(root, 'empty')
    writeFileSync(empty, '')
    for (const [more, code] of [
      [{ tokenFile: missing }, 'WALR_CONFIG'],
      [{ tokenFile: empty }, 'WALR_CONFIG'],
      [{ caFile: missing }, 'WALR_CONFIG'],
      [{ certFile: empty }, 'WALR_USAGE'],
    ] as const) {
      await expect(sourceFor('https://127.0.0.1:1', more)).rejects.toMatchObject({ code })
    }
    await expect(sourceFor('http://127.0.0.1:1', { caFile: empty })).rejects.toMatchObject({ code: 'WALR_USAGE' })
    const bad = join(root, 'bad.pem')
    writeFileSync(bad, 'no certificate')
    const unusable = await sourceFor('https://127.0.0.1:1', { certFile: bad, keyFile: bad })
    await expect(fetchFile(unusable, one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
  })
})

function head(length: number): string {
  return `HTTP/1.1 200 OK\r\nWalr-System-Identifier: ${OWNER}\r\nWalr-Unfinished: false\r\nContent-Length: ${length}\r\n\r\n`
}

function answerWith(socket: Socket, body: Buffer): void {
  socket.end(Buffer.concat([Buffer.from(head(SEGMENT)), body]))
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
