import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startAzurite, type Azurite } from '../support/azurite/azurite.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch } from '../support/scratch.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'

const SEGMENT = /\/wal\/[0-9A-F]{8}\/([0-9A-F]{24})$/

let server: Azurite
beforeAll(async () => {
  server = await startAzurite({ survives: true })
})
afterAll(() => server.stop())

/** A configuration file of a user who has installed the plugin; segments are stored as they are. */
async function configure(folder: string, cluster: PostgresCluster, container: string): Promise<string> {
  const modules = join(folder, 'node_modules/@walr')
  mkdirSync(modules, { recursive: true })
  symlinkSync(join(import.meta.dirname, '../../packages/plugin-azure'), join(modules, 'plugin-azure'))
  mkdirSync(join(folder, 'receive'))
  await createSlot(cluster, 'walr_azure')
  const { endpoint, accountName, accountKey } = server
  // segments go in blocks
  const storage = {
    use: '@walr/plugin-azure',
    endpoint,
    accountName,
    accountKey,
    container,
    prefix: 'pg',
    blockSize: '4MiB',
  }
  const lines = [
    `connection: ${JSON.stringify(cluster.conninfo())}`,
    'receive: { directory: receive, slot: walr_azure }',
    'plugins: ["@walr/plugin-azure"]',
    'archive:',
    `  storage: ${JSON.stringify(storage)}`,
    '  codecs: []',
  ]
  const file = join(folder, 'walr.config.yaml')
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

/** The segments in the container, by name, past the plugin. */
async function archived(container: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for await (const { name } of server.client().getContainerClient(container).listBlobsFlat()) {
    const segment = SEGMENT.exec(name)?.[1]
    if (segment !== undefined) found.set(segment, name)
  }
  return found
}

it('archives every segment as it is, also those that were finished while the storage was down', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using scratch = makeScratch('azure')
  const container = await server.createContainer()
  const config = await configure(scratch.path, cluster, container)
  const untilArchived = (segment: string): Promise<unknown> =>
    waitFor(`${segment} is archived`, async () => (await archived(container)).has(segment), { deadlineMs: 60_000 })
  const finished = (): readonly string[] =>
    readdirSync(join(scratch.path, 'receive')).filter((name) => /^[0-9A-F]{24}$/.test(name))

  await using walr = startWalr(['receive', '--config', config, '--verbose'])
  const first = await finishSegments(cluster, 2)
  await untilArchived(first)

  await server.halt()
  const down = await finishSegments(cluster, 3)
  await waitFor('the segments wait', () => finished().includes(down))
  await server.resume()
  await untilArchived(down)
  const last = await finishSegments(cluster, 1)
  await untilArchived(last)
  expect(await walr.stop()).toBe(0)

  const segments = await archived(container)
  expect(segments.size).toBeGreaterThanOrEqual(6)
  for (const [segment, name] of segments) {
    const object = await server.client().getContainerClient(container).getBlobClient(name).downloadToBuffer()
    expect(object.equals(serverSegment(cluster, segment)), segment).toBe(true)
  }
  expect(walr.stderr.join('\n')).not.toContain(server.accountKey)
})
