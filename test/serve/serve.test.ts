import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { beforeAll, afterAll, describe, expect, it } from 'vitest'
import { zstdCompressSync } from 'node:zlib'
import { runWalr } from '../support/walr-process.ts'
import { waitFor } from '../support/wait-for.ts'
import { fetchWal, segmentName, ServedPlace } from './served-place.ts'

const TOKEN = 'a-token-of-23-characters'
const history = '1\t0/900000\tno recovery target specified\n'

describe('walr serve', () => {
  let place: ServedPlace
  beforeAll(async () => {
    place = new ServedPlace()
    for (const number of [1, 2, 3]) place.archiveSegment(number)
    place.putFile(segmentName(3), place.segment(3))
    place.putFile(segmentName(4), place.segment(4))
    place.putObject('history/00000002.history', history)
    await place.serve()
  })
  afterAll(() => place[Symbol.asyncDispose]())

  const get = (name: string, init?: RequestInit) => fetchWal(place.url, `/v1/wal/${name}`, init)

  it.each([1, 2, 3, 4])('gives what is in the directory or in the archive: segment %i', async (number) => {
    const { status, headers, body } = await get(segmentName(number))
    expect({ status, same: body.equals(place.segment(number)) }).toEqual({ status: 200, same: true })
    expect(headers.get('content-length')).toBe(String(body.length))
    expect(headers.get('etag')).toBe(`"${place.wal.systemIdentifier}-${segmentName(number)}"`)
    const head = await get(segmentName(number), { method: 'HEAD' })
    expect({ status: head.status, length: head.headers.get('content-length') }).toEqual({
      status: 200,
      length: String(body.length),
    })
  })

  it('gives histories, and says what is certainly absent', async () => {
    expect((await get('00000002.history')).body.toString()).toBe(history)
    for (const name of [segmentName(5), '00000003.history', `${segmentName(4)}.partial`]) {
      const { status, headers } = await get(name)
      expect({ name, status, owner: headers.get('walr-system-identifier') }).toEqual({
        name,
        status: 404,
        owner: place.wal.systemIdentifier,
      })
    }
    expect((await fetchWal(place.url, '/healthz')).status).toBe(200)
  })

  it('gives nothing else: no other path, no other method, no other file of the directory', async () => {
    const name = segmentName(4)
    const targets = [
      ...['/v1/wal/../receive/N', '/v1/wal/..%2fN', '/v1/wal/%2e%2e%2f%2e%2e%2fetc%2fpasswd', '/v1/wal//etc/passwd'],
      ...['/v1/wal/.walr%2fidentity.json', '/v1/wal/.walr/identity.json', '/v1/wal/%00', `/v1/wal/${'0'.repeat(5000)}`],
      ...['/v1/wal/N/../N', '/v1/wal/N%2f', '/v1/wal/%2fN', `http://x/v1/wal/N`, '/receive/N', '/', '/v1/wal/N.zst'],
    ].map((target) => target.replaceAll('N', name))
    for (const target of targets) expect(await raw(`GET ${target} HTTP/1.1`)).toMatch(/^HTTP\/1\.1 400 /)
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'MOVE']) {
      const answer = await raw(`${method} /v1/wal/${name} HTTP/1.1`)
      expect(answer).toMatch(/^HTTP\/1\.1 405 /)
      expect(answer).toMatch(/\r\nallow: GET, HEAD\r\n/i)
    }
    expect(existsSync(join(place.directory, name))).toBe(true)
  })

  async function raw(line: string): Promise<string> {
    const socket = connect(Number(new URL(place.url).port), '127.0.0.1')
    socket.write(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`)
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    await once(socket, 'close')
    return text
  }

  it('is used by restore-command: delivered, absent, another cluster, no proxy in between', async () => {
    rmSync(place.target, { force: true })
    expect(await place.restore(segmentName(2))).toMatchObject({ exitCode: 0 })
    expect(readFileSync(place.target).equals(place.segment(2))).toBe(true)
    rmSync(place.target)
    expect(await place.restore(segmentName(5))).toMatchObject({ exitCode: 1 })
    const other = await place.restore(segmentName(2), ['--system-identifier', '5'])
    expect(other.exitCode).toBe(255)
    expect(other.stderr).toContain('409')
    expect(existsSync(place.target)).toBe(false)
    const proxies = { http_proxy: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1', NODE_USE_ENV_PROXY: '1' }
    expect(await place.restore(segmentName(2), [], proxies)).toMatchObject({ exitCode: 0 })
    rmSync(place.target)
  })

  it('takes the finished segment of the archive, and not the stale beginning of it in the directory', async () => {
    place.putFile(`${segmentName(2)}.partial`, place.segment(2).subarray(0, 8192))
    expect((await get(segmentName(2))).body.equals(place.segment(2))).toBe(true)
    rmSync(join(place.directory, `${segmentName(2)}.partial`))
  })

  it('does not know what is where the storage is away, and knows it again when that is back', async () => {
    place.takeArchiveAway()
    const statuses = async (): Promise<number[]> =>
      Promise.all([1, 4, 5].map(async (number) => (await get(segmentName(number))).status))
    try {
      expect(await statuses()).toEqual([503, 200, 503])
      const { headers, body } = await get(segmentName(1))
      expect(headers.get('retry-after')).toMatch(/^\d+$/)
      expect(body.toString()).not.toContain(place.root)
      expect(await place.restore(segmentName(5))).toMatchObject({ exitCode: 255 })
      expect(existsSync(place.target)).toBe(false)
    } finally {
      place.bringArchiveBack()
    }
    expect(await statuses()).toEqual([200, 200, 404])
  })

  it('never lets a damaged object look whole', async () => {
    const good = zstdCompressSync(place.segment(1))
    const key = `wal/00000001/${segmentName(1)}.zst`
    const swapped = Buffer.concat([place.segment(1).subarray(0, 524_288), place.segment(2).subarray(524_288)])
    for (const bytes of [good.subarray(0, -1), good.subarray(0, 300_000), zstdCompressSync(swapped)]) {
      place.putObject(key, bytes)
      for (let times = 0; times < 2; times++) {
        const outcome = await get(segmentName(1)).catch(() => 'cut' as const)
        if (outcome !== 'cut') expect(outcome.status).toBe(503)
      }
      expect(await place.restore(segmentName(1))).toMatchObject({ exitCode: 255 })
      expect(existsSync(place.target)).toBe(false)
    }
    place.putObject(key, good)
    expect((await get(segmentName(1))).body.equals(place.segment(1))).toBe(true)
  })

  it('goes on when clients are cut', async () => {
    for (let times = 0; times < 20; times++) {
      const socket = connect(Number(new URL(place.url).port), '127.0.0.1')
      socket.on('error', () => undefined)
      socket.write(`GET /v1/wal/${segmentName(1 + (times % 4))} HTTP/1.1\r\nHost: x\r\n\r\n`)
      await once(socket, 'data')
      socket.resetAndDestroy()
    }
    expect((await get(segmentName(1))).status).toBe(200)
    await waitFor('descriptors are closed', () => !openFiles(place.walr.pid).some((path) => path.includes(place.root)))
    expect(place.walr.stderr.filter((line) => /error|internal/i.test(line) && !line.includes('damaged'))).toEqual([])
  })

  it('logs each request, and ends with SIGTERM', async () => {
    await get(segmentName(1))
    await place.walr.waitForLine(new RegExp(`GET /v1/wal/${segmentName(1)}: 200, \\d+ bytes in \\d+ ms$`))
    expect(await place.walr.stop()).toBe(0)
    await expect(fetch(place.url)).rejects.toThrow()
  })
})

describe('walr serve with a token', () => {
  it('lets in who has it, and shows it nowhere', async () => {
    await using place = new ServedPlace()
    place.archiveSegment(1)
    writeFileSync(join(place.root, 'secret'), `${TOKEN}\n`)
    place.configure({ token: '${file:secret}' })
    const walr = await place.serve()
    const path = `/v1/wal/${segmentName(1)}`
    for (const authorization of ['', 'Bearer x', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`]) {
      expect((await fetchWal(place.url, path, { headers: { authorization } })).status).toBe(401)
    }
    const headers = { authorization: `Bearer ${TOKEN}` }
    expect((await fetchWal(place.url, path, { headers })).status).toBe(200)
    expect(await place.restore(segmentName(1))).toMatchObject({ exitCode: 255 })
    const tokenFile = join(place.root, 'secret')
    expect(await place.restore(segmentName(1), ['--serve-token-file', tokenFile])).toMatchObject({ exitCode: 0 })
    expect(readFileSync(`/proc/${walr.pid}/cmdline`, 'utf8')).not.toContain(TOKEN)
    expect([...walr.stderr, ...walr.stdout].join('\n')).not.toContain(TOKEN)
    const shown = await runWalr(['config', 'show', '--config', place.config])
    expect(shown.stdout).toMatch(/http\.token +\*{8} /)
    expect(shown.stdout).not.toContain(TOKEN)
  })
})

describe('walr serve of a directory alone', () => {
  it('serves one of pg_receivewal as well', async () => {
    await using place = new ServedPlace()
    rmSync(join(place.directory, '.walr'), { recursive: true })
    place.putFile(segmentName(1), place.segment(1))
    await place.serve(['-D', place.directory, '--listen', '127.0.0.1:0'])
    expect((await fetchWal(place.url, `/v1/wal/${segmentName(2)}`)).headers.get('walr-system-identifier')).toBe(
      place.wal.systemIdentifier,
    )
    expect(await place.restore(segmentName(1))).toMatchObject({ exitCode: 0 })
    expect(await place.restore(segmentName(2))).toMatchObject({ exitCode: 1 })
  })

  it('knows nothing of what has left it for an archive', async () => {
    await using place = new ServedPlace()
    place.putFile(segmentName(3), place.segment(3))
    await place.serve(['-D', place.directory, '--listen', '127.0.0.1:0'])
    const status = async (number: number): Promise<number> =>
      (await fetchWal(place.url, `/v1/wal/${segmentName(number)}`)).status
    expect([await status(2), await status(3), await status(4)]).toEqual([503, 200, 404])
  })
})

describe('walr serve is not begun', () => {
  it.each([
    ['without anything to serve', ['--listen', '127.0.0.1:0'], /nothing to serve/],
    ['for other machines without a token', ['-D', '.', '--listen', '0.0.0.0:0'], /needs "http\.token"/],
    ['on no address', ['-D', '.', '--listen', 'x'], /"http\.listen": must be HOST:PORT/],
    ['without its directory', ['-D', './missing', '--archive-only'], /cannot use --archive-only/],
    ['for a strange cluster', ['-D', '.', '--system-identifier', 'x'], /invalid value "x"/],
  ])('%s', async (_, args, text) => {
    await using place = new ServedPlace()
    rmSync(place.config)
    const result = await runWalr(['serve', ...args], { cwd: place.root })
    expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(text) as string })
  })

  it('on an address in use, or with a plugin that is not there', async () => {
    await using place = new ServedPlace()
    await place.serve()
    const again = await runWalr(['serve', '--config', place.config, '--listen', place.url.replace('http://', ''), '-v'])
    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('WALR_HTTP_LISTEN') as string })
    writeFileSync(place.config, 'plugins: [absent]\narchive: { storage: { use: absent } }\n')
    const broken = await runWalr(['serve', '--config', place.config, '-v'])
    expect(broken).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('WALR_PLUGIN') as string })
  })
})

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(join(folder, name))]
    } catch {
      return [] // closed meanwhile
    }
  })
}
