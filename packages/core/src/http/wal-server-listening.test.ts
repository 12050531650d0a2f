import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nodeDisk } from '../disk/node-disk.ts'
import { segment, SEGMENT } from '../restore/segment.fixture.ts'
import type { RecordingLogger } from '../wal/recording.fixture.ts'
import { path, TOKEN, WalServerBench } from './wal-server.fixture.ts'
import { startWalServer } from './wal-server.ts'
import { one, type MadeUpSource } from './wal-supply.fixture.ts'

let bench: WalServerBench
let source: MadeUpSource
let log: RecordingLogger
let root: string
beforeEach(() => {
  bench = new WalServerBench()
  ;({ source, log } = bench)
  root = mkdtempSync(join(tmpdir(), 'walr-http-'))
})
afterEach(async () => {
  await bench.dispose()
  rmSync(root, { recursive: true })
})

describe('listening', () => {
  it('on an address in use fails', async () => {
    const { address } = await bench.start()
    const listen = address.replace('http://', '')
    const again = startWalServer(bench.options({ listen }))
    await expect(again).rejects.toMatchObject({
      code: 'WALR_HTTP_LISTEN',
      message: expect.stringContaining(listen) as string,
    })
  })

  it('on a socket takes the place of a walr that was killed, and of nothing else', async () => {
    const socketPath = join(root, 'walr.sock')
    const listen = `unix:${socketPath}`
    source.addSegment(one)
    const { address } = await bench.start({ listen })
    expect(address).toBe(listen)
    const outgoing = request({ socketPath, path: path(one), agent: false }).end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    expect(response.statusCode).toBe(200)
    response.destroy()
    const other = bench.options({ listen })
    await expect(startWalServer(other)).rejects.toMatchObject({ code: 'WALR_HTTP_LISTEN' })
    expect(existsSync(socketPath)).toBe(true)
    await bench.server?.stop(0)

    writeFileSync(socketPath, 'precious')
    await expect(startWalServer(other)).rejects.toMatchObject({
      code: 'WALR_HTTP_LISTEN',
      message: expect.stringContaining('no socket') as string,
      hint: expect.not.stringContaining('Another program') as string,
    })
    expect(readFileSync(socketPath, 'utf8')).toBe('precious')
    rmSync(socketPath)

    await leaveSocket(socketPath)
    await bench.start({ listen })
    expect(existsSync(socketPath)).toBe(true)
  })

  it('on a socket in a folder that is not there says so', async () => {
    const folder = join(root, 'missing')
    await expect(bench.start({ listen: `unix:${join(folder, 'walr.sock')}` })).rejects.toMatchObject({
      code: 'WALR_HTTP_LISTEN',
      message: expect.stringContaining(`there is no folder "${folder}"`) as string,
    })
  })

  it('for other machines without TLS is warned of', async () => {
    await bench.start({ listen: '0.0.0.0:0', token: TOKEN })
    expect(log.text).toContain('in the clear')
  })

  it('ends: running downloads end well, new ones are refused, idle connections are closed', async () => {
    const copy = source.addSegment(one)
    let go = (): void => undefined
    const waiting = new Promise<void>((resolve) => (go = resolve))
    copy.gate = (at) => (at < SEGMENT / 2 ? Promise.resolve() : waiting)
    await bench.start()
    const idle = connect(bench.port, '127.0.0.1')
    idle.on('error', () => undefined)
    await once(idle, 'connect')
    const running = bench.ask(path(one))
    await vi.waitFor(() => expect(copy.opened).toBe(1))
    const since = performance.now()
    const stopped = bench.server?.stop(10_000)
    await vi.waitFor(async () => {
      await expect(bench.ask(path(one))).rejects.toThrow('ECONNREFUSED')
    })
    go()
    expect((await running).body.equals(segment(one))).toBe(true)
    await stopped
    expect(performance.now() - since).toBeLessThan(5000)
  })

  it('keeps the connections of those who may have WAL: not of others, nor for the health when there are many', async () => {
    await bench.start({ token: TOKEN, maxDownloads: 1 }, { spareConnections: 19 })
    const authorization = `Bearer ${TOKEN}`
    expect((await bench.ask(path(one))).headers.connection).toBe('close')
    expect((await bench.ask('/v1/wal/%')).headers.connection).toBe('close')
    const keep = { connection: 'keep-alive' }
    expect((await bench.ask('/healthz', { headers: keep })).headers.connection).toBe('keep-alive')
    const idle = Array.from({ length: 10 }, () => connect(bench.port, '127.0.0.1'))
    await Promise.all(idle.map((socket) => once(socket, 'connect')))
    expect((await bench.ask('/healthz', { headers: keep })).headers.connection).toBe('close')
    const { headers } = await bench.ask(path(one), { headers: { ...keep, authorization } })
    expect(headers.connection).toBe('keep-alive')
    for (const socket of idle) socket.destroy()
  })

  it('tells once of connections that are too many', async () => {
    await bench.start({ maxDownloads: 1 }, { spareConnections: 1 })
    const sockets = Array.from({ length: 6 }, () => connect(bench.port, '127.0.0.1'))
    for (const socket of sockets) socket.on('error', () => undefined)
    await vi.waitFor(() => expect(sockets.filter(({ destroyed }) => destroyed)).toHaveLength(4))
    for (const socket of sockets) socket.destroy()
    expect(log.lines.filter((line) => line.includes('there are 2 already'))).toHaveLength(1)
  })

  it('ends although a download does not', async () => {
    const copy = source.addSegment(one)
    copy.gate = (at) => (at === 0 ? Promise.resolve() : new Promise(() => undefined))
    await bench.start()
    const running = bench.ask(path(one))
    running.catch(() => undefined)
    await vi.waitFor(() => expect(copy.opened).toBe(1))
    await bench.server?.stop(50)
    await expect(running).rejects.toThrow()
  })
})

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
