import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { collect } from '../codec/scripted-codec.fixture.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { startWalServer } from '../http/wal-server.ts'
import { MadeUpCopy, MadeUpSource, one, supplyOf, two } from '../http/wal-supply.fixture.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { failureKind } from './failure-kind.ts'
import { OWNER, segment, SEGMENT } from './segment.fixture.ts'
import { fetchFile, good, reply, ServeSourceBench } from './serve-source.fixture.ts'
import { VanishedFile } from './vanished-file.ts'
import { parseWantedFile } from './wanted-file.ts'

const { signal } = new AbortController()
const TOKEN = 'correct-horse-battery'

let bench: ServeSourceBench
beforeEach(() => {
  bench = new ServeSourceBench()
})
afterEach(() => bench.dispose())

/** A real server of walr's, with made-up WAL behind it. */
async function walr(
  token?: string,
): Promise<{ url: string; wal: MadeUpSource; log: RecordingLogger; stop: () => Promise<void> }> {
  const wal = new MadeUpSource()
  const log = new RecordingLogger()
  const files = { certFile: undefined, keyFile: undefined, clientCaFile: undefined }
  const settings = { listen: '127.0.0.1:0', token, ...files, maxDownloads: 16 }
  const server = await startWalServer({ settings, supply: supplyOf(wal, log), disk: nodeDisk, logger: log })
  const stop = (): Promise<void> => server.stop(0)
  bench.defer(() => stop().catch(() => undefined))
  return { url: server.address, wal, log, stop }
}

describe('another walr', () => {
  it('gives finished segments, open ones, histories, and says what is absent', async () => {
    const { url, wal } = await walr()
    wal.addSegment(one)
    const open = segment(two, { written: 300_000 })
    wal.open.set(two, new MadeUpCopy('open', open, true))
    const history = Buffer.from('1\t0/2000000\tno recovery target specified\n')
    wal.add('00000002.history', history)
    const source = await bench.sourceFor(url)
    expect(await fetchFile(source, one)).toEqual(segment(one))
    expect(await fetchFile(source, two)).toEqual(open)
    expect(await fetchFile(source, two, 'never')).toBe('absent')
    expect(await fetchFile(source, '00000002.history')).toEqual(history)
    expect(await fetchFile(source, '00000003.history')).toBe('absent')
    expect(await fetchFile(source, `${one}.00000028.backup`)).toBe('absent')
  })

  it('says of a segment that is missing before later ones that it is that', async () => {
    const { url, wal } = await walr()
    wal.followed.add(two)
    const source = await bench.sourceFor(url)
    const failure: unknown = await fetchFile(source, two).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'WALR_WAL_GAP' })
    expect(failureKind(failure)).toBe('outage')
    expect(await fetchFile(source, one)).toBe('absent')
  })

  it('is found below a path of its own', async () => {
    const paths: (string | undefined)[] = []
    const url = await bench.fake((request, response) => {
      paths.push(request.url)
      reply(404, good)(request, response)
    })
    expect(await fetchFile(await bench.sourceFor(`${url}/pg/main/`), one, 'never')).toBe('absent')
    expect(paths).toEqual([`/pg/main/v1/wal/${one}?partial=never&system=${OWNER}`])
  })

  it('is given the token, which nothing shows', async () => {
    const { url, wal, log } = await walr(TOKEN)
    wal.addSegment(one)
    const tokenFile = join(bench.root, 'token')
    writeFileSync(tokenFile, `${TOKEN}\n`)
    expect(await fetchFile(await bench.sourceFor(url, { tokenFile }), one)).toEqual(segment(one))
    writeFileSync(tokenFile, `${TOKEN}2`)
    const refused = fetchFile(await bench.sourceFor(url, { tokenFile }), one)
    await expect(refused).rejects.toMatchObject({
      code: 'WALR_SERVE_REFUSED',
      message: expect.stringContaining('401') as string,
    })
    await expect(fetchFile(await bench.sourceFor(url), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
    await expect(refused).rejects.not.toThrow(TOKEN)
    expect(log.text).not.toContain(TOKEN)
  })

  it('that has become unreachable is an outage, and is used again when it is back', async () => {
    const { url, wal, stop } = await walr()
    wal.addSegment(one)
    const source = await bench.sourceFor(url)
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
      await expect(fetchFile(await bench.sourceFor(url, { systemIdentifier: other }), name)).rejects.toMatchObject({
        code: 'WALR_SERVE_REFUSED',
        message: expect.stringContaining('409') as string,
      })
    }
    // One that does not look at "system".
    for (const status of [200, 404]) {
      const deaf = await bench.fake(reply(status, { ...good, 'walr-system-identifier': '43' }, ''))
      await expect(fetchFile(await bench.sourceFor(deaf), one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
    }
  })

  it('stays the same when nobody said whose WAL is wanted', async () => {
    let owner: string = OWNER
    const url = await bench.fake((request, response) => {
      reply(404, { ...good, 'walr-system-identifier': owner })(request, response)
    })
    const source = await bench.sourceFor(url, { systemIdentifier: undefined })
    expect(await fetchFile(source, one)).toBe('absent')
    expect(source.systemIdentifier).toBe(OWNER)
    owner = '43'
    await expect(fetchFile(source, one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
  })

  it('answers again when a copy is read a second time, or was left unread for long', async () => {
    const { url, wal, log } = await walr()
    const copy = wal.addSegment(one)
    const source = await bench.sourceFor(url, { silenceMs: 200 })
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
    const source = await bench.sourceFor(url)
    await expect(source.unfinished(one as WalFileName, signal)).rejects.toBeInstanceOf(VanishedFile)
  })

  it('is let go of when nobody wants the file any more', async () => {
    const { url, wal, log } = await walr()
    const copy = wal.addSegment(one)
    copy.gate = (at) => (at < SEGMENT / 2 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, 5)))
    const source = await bench.sourceFor(url)
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
    const url = await bench.fake((request, response) => {
      connections.add(request.socket)
      if (request.url?.includes(one) === true) reply(200, good, segment(one))(request, response)
      else reply(404, good, '{}')(request, response)
    })
    const source = await bench.sourceFor(url)
    for (let times = 0; times < 3; times++) {
      await fetchFile(source, one)
      await fetchFile(source, two)
    }
    expect(connections.size).toBe(1)
  })
})

describe('an address', () => {
  it.each([
    ...['', 'x', '127.0.0.1:7070', 'ftp://x', 'file:///etc', 'http://', 'http://x/?a=b', 'http://x/#a', 'unix:/x'],
    ...['http://user:secret1@x', 'http://secret1@x', 'htp://user:secret1@x'],
  ])('that is none is an error of usage, and shows no password: %s', async (url) => {
    const error: unknown = await bench.sourceFor(url).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'WALR_USAGE' })
    expect(String(error)).not.toContain('secret1')
  })

  it('comes with files that can be read, and go together', async () => {
    const missing = join(bench.root, 'missing')
    const empty = join(bench.root, 'empty')
    writeFileSync(empty, '')
    for (const [more, code] of [
      [{ tokenFile: missing }, 'WALR_CONFIG'],
      [{ tokenFile: empty }, 'WALR_CONFIG'],
      [{ caFile: missing }, 'WALR_CONFIG'],
      [{ certFile: empty }, 'WALR_USAGE'],
    ] as const) {
      await expect(bench.sourceFor('https://127.0.0.1:1', more)).rejects.toMatchObject({ code })
    }
    await expect(bench.sourceFor('http://127.0.0.1:1', { caFile: empty })).rejects.toMatchObject({ code: 'WALR_USAGE' })
    const bad = join(bench.root, 'bad.pem')
    writeFileSync(bad, 'no certificate')
    const unusable = await bench.sourceFor('https://127.0.0.1:1', { certFile: bad, keyFile: bad })
    await expect(fetchFile(unusable, one)).rejects.toMatchObject({ code: 'WALR_SERVE_REFUSED' })
  })
})
