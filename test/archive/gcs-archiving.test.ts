import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openAt } from '../gcs/open-gcs-storage.ts'
import { startFakeGcs, type FakeGcs } from '../support/fake-gcs/fake-gcs.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { startHttpFaultProxy } from '../support/http-fault-proxy.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'
import { isUnbroken } from './s3-archive.ts'

const ACCOUNT = 'walr@fake.iam.gserviceaccount.com'
const SLOT = 'walr_gcs'
const SEGMENT_KEY = /\/wal\/[0-9A-F]{8}\/([0-9A-F]{24})\.zst$/

let server: FakeGcs
let scratch: Scratch
beforeAll(async () => {
  server = await startFakeGcs()
  scratch = makeScratch('gcs-archive')
})
afterAll(async () => {
  await server.stop()
  scratch.remove()
})

it('archives every segment, also those that were finished while the storage was away', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using proxy = await startHttpFaultProxy(server.endpoint)
  const bucket = await server.createBucket({ accounts: [ACCOUNT] })
  const modules = join(scratch.path, 'node_modules/@walr')
  mkdirSync(modules, { recursive: true })
  symlinkSync(join(import.meta.dirname, '../../packages/plugin-gcs'), join(modules, 'plugin-gcs'))
  const received = join(scratch.path, 'receive')
  mkdirSync(received)
  await createSlot(cluster, SLOT)
  writeFileSync(join(scratch.path, 'key.json'), JSON.stringify(await server.command('keyFile', ACCOUNT)))
  const place = { bucket, endpoint: proxy.endpoint, keyFile: 'key.json', prefix: 'pg', chunkSize: '256KiB' }
  const configFile = join(scratch.path, 'walr.config.yaml')
  const lines = [
    `connection: ${JSON.stringify(cluster.conninfo())}`,
    `receive: { directory: receive, slot: ${SLOT} }`,
    'plugins: ["@walr/plugin-gcs"]',
    'archive:',
    `  storage: ${JSON.stringify({ use: '@walr/plugin-gcs', ...place })}`,
    '  codecs: [zstd]',
  ]
  writeFileSync(configFile, `${lines.join('\n')}\n`)

  const signal = new AbortController().signal
  const keyFile = join(scratch.path, 'key.json')
  await using storage = await openAt(server.endpoint, { bucket, prefix: 'pg', keyFile })
  const archived = async (): Promise<ReadonlyMap<string, string>> => {
    const objects = await Array.fromAsync(storage.list('', { signal }))
    return new Map(
      objects.map(({ key }) => [SEGMENT_KEY.exec(key)?.[1] ?? '', key]).filter(([name]) => name !== '') as [
        string,
        string,
      ][],
    )
  }
  const untilArchived = (name: string) => waitFor(`${name} is archived`, async () => (await archived()).has(name))

  await using walr = startWalr(['receive', '--config', configFile, '--verbose'])
  await untilArchived(await finishSegments(cluster, 2))
  proxy.inject({ when: () => true, action: 'reset' })
  const late = await finishSegments(cluster, 2)
  await waitFor('the segment is on the disk', () => readdirSync(received).includes(late))
  expect((await archived()).has(late)).toBe(false)
  proxy.clear()
  await untilArchived(late)
  expect(await walr.stop()).toBe(0)

  const segments = await archived()
  expect(segments.size).toBeGreaterThanOrEqual(4)
  expect(isUnbroken([...segments.keys()])).toBe(true)
  for (const [name, key] of segments) {
    const plain = zstdDecompressSync(await buffer(await storage.get(key, { signal })))
    expect(plain.equals(serverSegment(cluster, name)), name).toBe(true)
  }
})
