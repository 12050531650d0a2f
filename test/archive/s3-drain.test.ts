import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { isSegmentPut, isUnbroken, S3Archive } from './s3-archive.ts'

let server: Radosgw
let cluster: PostgresCluster
beforeAll(async () => {
  server = await startRadosgw()
  cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await server.stop()
})

it('archives what is finished before it ends', async () => {
  await using archive = await S3Archive.create(server, cluster, { archive: ['concurrency: 1', 'drainTimeout: 30s'] })
  await using walr = archive.startWalr()
  await archive.untilAllArchived(await finishSegments(cluster, 1))
  archive.proxy.inject({ when: isSegmentPut, action: { delayMs: 700 } })
  const last = await finishSegments(cluster, 5)
  await waitFor('all are received', () => archive.localSegments().includes(last))
  await archive.untilStatus('they wait', ({ archive: { backlog } }) => backlog.files > 1)
  expect(await walr.stop()).toBe(0)
  expect(walr.stderr.join('\n')).toMatch(/archiving the last \d+ files, for at most 30 seconds/)
  expect(walr.stderr.join('\n')).not.toMatch(/not archived yet/)
  expect(await archive.segments()).toContain(last)
  expect((await archive.status())?.archive).toMatchObject({ state: 'stopped', backlog: { files: 0 } })
})

it.each<[string, { readonly delayMs: number } | 'hang']>([
  ['slow', { delayMs: 4000 }],
  ['silent', 'hang'],
])(
  'ends in time when the storage is %s, says what is left, and archives it at the next start',
  async (_what, action) => {
    await using archive = await S3Archive.create(server, cluster, { archive: ['concurrency: 2', 'drainTimeout: 3s'] })
    let last: string
    {
      await using walr = archive.startWalr()
      await archive.untilAllArchived(await finishSegments(cluster, 1))
      archive.proxy.inject({ when: isSegmentPut, action })
      last = await finishSegments(cluster, 6)
      await waitFor('all are received', () => archive.localSegments().includes(last))
      const startedAtMs = performance.now()
      expect(await walr.stop()).toBe(0)
      expect(performance.now() - startedAtMs).toBeLessThan(3000 + 5000)
      const [, files = '0'] =
        /^walr: (\d+) files are not archived yet; the next start goes on with them$/m.exec(walr.stderr.join('\n')) ?? []
      expect(Number(files)).toBeGreaterThanOrEqual(2)
      expect(archive.localSegments().length).toBeGreaterThanOrEqual(Number(files))
      expect((await archive.status())?.archive).toMatchObject({ state: 'stopped', backlog: { files: Number(files) } })
    }
    archive.proxy.clear()
    await using walr = archive.startWalr()
    await archive.untilAllArchived(last)
    expect(await walr.stop()).toBe(0)
    const archived = await archive.segments()
    expect(isUnbroken(archived)).toBe(true)
    for (const name of archived)
      expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
    expect(await archive.quarantine()).toEqual([])
  },
)
