import { createServer as createTcpServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { one, two } from '../http/wal-supply.fixture.ts'
import { failureKind } from './failure-kind.ts'
import { OWNER, segment, SEGMENT } from './segment.fixture.ts'
import { fetchFile, good, reply, ServeSourceBench } from './serve-source.fixture.ts'

let bench: ServeSourceBench
beforeEach(() => {
  bench = new ServeSourceBench()
})
afterEach(() => bench.dispose())

async function fakeTcp(onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  return bench.listening(server, () => {
    for (const socket of sockets) socket.destroy()
  })
}

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
    const url = await bench.fake(reply(status, headers, status === 304 || status === 204 ? '' : 'x'))
    const error: unknown = await fetchFile(await bench.sourceFor(url), one).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'WALR_SERVE_REFUSED' })
    expect(failureKind(error)).toBe('refused')
  })

  it.each([500, 502, 503, 504, 429, 408])('is an outage: %i', async (status) => {
    const url = await bench.fake(
      reply(status, {}, JSON.stringify({ code: 'WALR_X', message: 'the\u001b[31m storage is away', hint: 'wait' })),
    )
    await expect(fetchFile(await bench.sourceFor(url), one)).rejects.toMatchObject({
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
    await expect(fetchFile(await bench.sourceFor(url, { silenceMs: 300 }), one)).rejects.toMatchObject({
      code: 'WALR_SERVE_UNAVAILABLE',
    })
  })

  it('is an outage that tells how far it came: a body that ends early', async () => {
    const url = await fakeTcp((socket) => {
      socket.once('data', () => answerWith(socket, segment(one).subarray(0, SEGMENT - 1)))
    })
    await expect(fetchFile(await bench.sourceFor(url), one)).rejects.toMatchObject({
      code: 'WALR_SERVE_UNAVAILABLE',
      message: expect.stringContaining(`broke off after ${SEGMENT - 1} of ${SEGMENT} bytes`) as string,
    })
  })

  it('is an outage: a body that trickles, and is never silent for long', async () => {
    const url = await fakeTcp((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.concat([Buffer.from(head(SEGMENT)), segment(one).subarray(0, 9000)]))
        const trickling = setInterval(() => socket.write(Buffer.alloc(1)), 10)
        socket.once('close', () => clearInterval(trickling))
      })
    })
    await expect(fetchFile(await bench.sourceFor(url, { trickleMs: 300 }), one)).rejects.toMatchObject({
      code: 'WALR_SERVE_UNAVAILABLE',
      message: expect.stringMatching(/only \d+ bytes in 0\.3 s/) as string,
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
    await expect(fetchFile(await bench.sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
  })

  it('is an outage: a name that nobody knows, a port where nobody listens', async () => {
    for (const url of ['http://walr.invalid', 'http://127.0.0.1:1']) {
      await expect(fetchFile(await bench.sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_UNAVAILABLE' })
    }
  })

  it('is refused: no TLS where it is wanted', async () => {
    const url = await bench.fake(reply(404, good))
    await expect(fetchFile(await bench.sourceFor(url.replace('http:', 'https:')), one)).rejects.toMatchObject({
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
    const url = await bench.fake(reply(200, good, body))
    await expect(fetchFile(await bench.sourceFor(url), one)).rejects.toMatchObject({ code })
  })

  it('is damaged: a history that PostgreSQL could not read', async () => {
    const url = await bench.fake(reply(200, good, 'hallo'))
    await expect(fetchFile(await bench.sourceFor(url), '00000002.history')).rejects.toMatchObject({
      code: 'WALR_TIMELINE',
    })
  })

  it('is refused: an open segment where a finished one is wanted', async () => {
    const url = await bench.fake(reply(200, { ...good, 'walr-unfinished': 'true' }, segment(one)))
    await expect(fetchFile(await bench.sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
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
    const source = await bench.sourceFor(url)
    expect(await fetchFile(source, one, 'never')).toBe('absent')
    expect(await fetchFile(source, one, 'never')).toBe('absent')
    expect(requests).toBe(3)
  })
})

function head(length: number): string {
  return `HTTP/1.1 200 OK\r\nWalr-System-Identifier: ${OWNER}\r\nWalr-Unfinished: false\r\nContent-Length: ${length}\r\n\r\n`
}

function answerWith(socket: Socket, body: Buffer): void {
  socket.end(Buffer.concat([Buffer.from(head(SEGMENT)), body]))
}
