import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { fetchWal } from './served-place.ts'

let cluster: PostgresCluster
let scratch: Scratch
let directory: string
let config: string
beforeAll(async () => {
  cluster = await startCluster({ version: 17 })
  await createSlot(cluster, 'walr')
  scratch = makeScratch('serve-receive')
  directory = join(scratch.path, 'receive')
  config = join(scratch.path, 'walr.config.yaml')
  mkdirSync(directory)
  mkdirSync(join(scratch.path, 'archive'))
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await scratch[Symbol.asyncDispose]()
})

function configure({ archive = true, listen = '127.0.0.1:0', conninfo = cluster.conninfo(), http = '' } = {}): void {
  const lines = [
    `connection: "${conninfo}"`,
    `receive: { directory: receive, slot: walr }`,
    ...(archive ? ['archive: { storage: { use: local, path: archive }, drainTimeout: 2s }'] : []),
    `http: { listen: "${listen}"${http} }`,
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
}

const start = () => startWalr(['receive', '--config', config, '--verbose'])
const status = async (): Promise<{ exitCode: number | null; stdout: string }> =>
  runWalr(['status', '-D', directory, '--json'])

async function listening(walr: ReturnType<typeof start>): Promise<string> {
  return (await walr.waitForLine(/serving WAL on http/)).replace(/^.* on /, '')
}

describe('walr receive with http', () => {
  it('gives what it receives and what it has archived, with no second process', async () => {
    configure()
    await using walr = start()
    const url = await listening(walr)
    await cluster.exec('create table t (i int)')
    const first = await finishSegments(cluster, 3)
    const bytes = serverSegment(cluster, first)
    await waitFor('the segment is served', async () => (await fetchWal(url, `/v1/wal/${first}`)).status === 200)
    expect((await fetchWal(url, `/v1/wal/${first}`)).body.equals(bytes)).toBe(true)
    await waitFor('it is archived', () => !hasFile(first) || archivedNames().includes(first))

    await cluster.exec('insert into t values (1)')
    const open = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
    const answer = await waitFor('the open segment is served', async () => {
      const found = await fetchWal(url, `/v1/wal/${open}`)
      return found.status === 200 && found
    })
    expect(answer.headers.get('walr-unfinished')).toBe('true')
    expect(answer.body).toHaveLength(bytes.length)
    expect((await fetchWal(url, `/v1/wal/${open}?partial=never`)).status).toBe(404)
    const target = join(scratch.path, 'target')
    const restored = await runWalr(['restore-command', '--serve-addr', url, first, target])
    expect(restored).toMatchObject({ exitCode: 0 })
    expect(readFileSync(target).equals(bytes)).toBe(true)

    await waitFor('the status says so', async () => (await status()).stdout.includes('"state": "serving"'))
    expect((await runWalr(['status', '-D', directory])).stdout).toMatch(/^http +serving on http:\/\/127/m)
    expect(await walr.stop()).toBe(0)
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('goes on receiving while readers take nothing, and ends although they hang', async () => {
    configure({ http: ', maxDownloads: 4' })
    await using walr = start()
    const url = await listening(walr)
    const name = await finishSegments(cluster, 1)
    await waitFor('it is served', async () => (await fetchWal(url, `/v1/wal/${name}`)).status === 200)
    const sockets = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1')
        socket.on('error', () => undefined)
        socket.pause()
        await once(socket, 'connect')
        socket.write(`GET /v1/wal/${name} HTTP/1.1\r\nHost: x\r\n\r\n`)
        return socket
      }),
    )
    const later = await finishSegments(cluster, 3)
    await waitFor('it is received all the same', () => hasFile(later) || archivedNames().includes(later))
    expect(await walr.stop()).toBe(0)
    for (const socket of sockets) socket.destroy()
  })

  it('says "unknown" until it is known whose WAL it is, and its status without an archive has the address', async () => {
    rmSync(directory, { recursive: true })
    mkdirSync(directory)
    configure({ archive: false, conninfo: `host=127.0.0.1 port=1 user=x` })
    await using walr = start()
    const url = await listening(walr)
    const answer = await fetchWal(url, '/v1/wal/000000010000000000000001')
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).not.toBeNull()
    await waitFor('the status says so', async () => (await status()).stdout.includes('"state": "waiting"'))
    expect((await runWalr(['status', '-D', directory])).stdout).toMatch(/^archive +none\nhttp +waiting/m)
    expect(await walr.stop()).toBe(0)
  })

  it('does not start on an address in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    configure({ listen: `127.0.0.1:${(other.address() as AddressInfo).port}` })
    const result = await runWalr(['receive', '--config', config, '--verbose'])
    other.close()
    expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('WALR_HTTP_LISTEN') as string })
  })

  it('receives although its certificate cannot be read, says so, and serves when it can be', async () => {
    configure({ http: ', certFile: walr.crt, keyFile: walr.key' })
    await using walr = start()
    await walr.waitForLine(/WAL is not served: could not read/)
    await walr.waitForLine(/state: streaming/)
    await waitFor('the status says so', async () => (await status()).stdout.includes('"state": "failed"'))
    expect(await walr.stop()).toBe(0)
  })
})

function hasFile(name: string): boolean {
  try {
    return readFileSync(join(directory, name)).length > 0
  } catch {
    return false
  }
}

function archivedNames(): string {
  try {
    return readdirSync(join(scratch.path, 'archive'), { recursive: true }).join(' ')
  } catch {
    return ''
  }
}
