import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { segment, CLUSTER } from '../../restore/segment.fixture.ts'
import { RecordingLogger } from '../../wal/recording.fixture.ts'
import type { RecoverySettings } from '../recovery/recovery-settings.ts'
import { HttpThread } from './http-thread.ts'
import type { HttpStatus } from './http-status.ts'

const one = '000000010000000000000001'
const { signal } = new AbortController()
const patience = { timeout: 15_000, interval: 20 }

let scratch: string
let socketPath: string
let log: RecordingLogger
let statuses: HttpStatus[]
const threads: HttpThread[] = []
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'walr-http-thread-'))
  socketPath = join(scratch, 'walr.sock')
  mkdirSync(join(scratch, 'received', '.walr'), { recursive: true })
  writeFileSync(join(scratch, 'received', one), segment(one))
  log = new RecordingLogger()
  statuses = []
})
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.stop(0)
  rmSync(scratch, { recursive: true })
})

function make(listen = `unix:${socketPath}`, maxDownloads = 4): HttpThread {
  const files = { certFile: undefined, keyFile: undefined, clientCaFile: undefined }
  const http = { listen, token: undefined, ...files, maxDownloads }
  const thread: HttpThread = new HttpThread(
    { http, environment: {} },
    { logger: log, onStatus: () => statuses.push(thread.status), restartMs: 50 },
  )
  threads.push(thread)
  return thread
}

const recovery = (more: Partial<RecoverySettings> = {}): RecoverySettings => ({
  directory: join(scratch, 'received'),
  archiveOnly: false,
  systemIdentifier: CLUSTER.toString(),
  timeoutMs: 1000,
  ...more,
})

async function ask(name: string): Promise<number> {
  const outgoing = request({ socketPath, path: `/v1/wal/${name}`, agent: false }).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode ?? 0
}

/** A configuration whose storage brings its thread down when it is opened. */
function deadlyConfig(): string {
  const plugin = join(scratch, 'plugin')
  mkdirSync(plugin)
  const manifest = { name: 'deadly', version: '1.0.0', type: 'module', exports: './index.js' }
  writeFileSync(
    join(plugin, 'package.json'),
    JSON.stringify({ ...manifest, walr: { apiVersion: 1, provides: ['storage'] } }),
  )
  writeFileSync(
    join(plugin, 'index.js'),
    `export default {
      name: 'deadly', apiVersion: 1, options: [],
      parseOptions: (options) => options,
      createStorage() { setImmediate(() => { throw new Error('deadly trouble') }); return new Promise(() => undefined) },
    }`,
  )
  const path = join(scratch, 'walr.config.json')
  writeFileSync(path, JSON.stringify({ plugins: ['./plugin'], archive: { storage: { use: './plugin' } } }))
  return path
}

describe('the HTTP thread', () => {
  it('listens at once, and serves when it is known whose WAL it is', async () => {
    const thread = make()
    await thread.start(signal)
    expect(thread.status).toMatchObject({ state: 'waiting', address: `unix:${socketPath}` })
    expect(await ask(one)).toBe(503)
    thread.begin(recovery())
    await vi.waitFor(() => expect(thread.status.state).toBe('serving'), patience)
    expect(await ask(one)).toBe(200)
    await thread.stop(100)
    expect(thread.status).toMatchObject({ state: 'stopped', address: undefined })
    await expect(ask(one)).rejects.toThrow()
    expect(log.text).not.toMatch(/error/)
  })

  it('is no start at all when the address is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const thread = make(`127.0.0.1:${(other.address() as AddressInfo).port}`)
    await expect(thread.start(signal)).rejects.toMatchObject({ code: 'WALR_HTTP_LISTEN' })
    other.close()
  })

  it('is started, but failed, with every other fault, is tried again, and tells each of them once', async () => {
    socketPath = join(scratch, 'absent', 'walr.sock')
    const thread = make()
    thread.begin(recovery())
    await thread.start(signal)
    expect(thread.status).toMatchObject({ state: 'failed', lastError: { code: 'WALR_HTTP_LISTEN' } })
    const failures = (): number => statuses.filter(({ state }) => state === 'failed').length
    await vi.waitFor(() => expect(failures()).toBeGreaterThan(2), patience)
    expect(log.lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
    mkdirSync(join(scratch, 'absent'))
    await vi.waitFor(() => expect(thread.status.state).toBe('serving'), patience)
    expect(await ask(one)).toBe(200)
    expect(log.text).toContain('served again')
  })

  it('is started again when it dies, and knows what it was to serve', async () => {
    const thread = make()
    await thread.start(signal)
    thread.begin(recovery({ configPath: deadlyConfig() }))
    await vi.waitFor(() => expect(thread.status.state).toBe('serving'), patience)
    expect(await ask(one)).toBe(200)
    // Not in the directory: the archive is opened.
    await ask('000000010000000000000002').catch(() => 0)
    await vi.waitFor(() => expect(log.text).toContain('deadly trouble'), patience)
    await vi.waitFor(async () => expect(await ask(one)).toBe(200), patience)
    expect(statuses.map(({ state }) => state)).toContain('failed')
  })

  it('says what keeps it from serving, and stops saying so when that is over', async () => {
    const configPath = join(scratch, 'walr.config.yaml')
    const thread = make()
    await thread.start(signal)
    const systemIdentifier = CLUSTER.toString()
    thread.begin({ configPath, archiveOnly: false, systemIdentifier, timeoutMs: 1000 })
    await vi.waitFor(() => expect(thread.status.state).toBe('failed'), patience)
    expect(thread.status.lastError?.code).toBe('WALR_CONFIG')
    expect(await ask(one)).toBe(503)
    writeFileSync(configPath, 'receive: { directory: received }')
    await vi.waitFor(async () => expect(await ask(one)).toBe(200), { timeout: 15_000, interval: 200 })
    expect(thread.status).toMatchObject({ state: 'serving', lastError: undefined })
  })
})
