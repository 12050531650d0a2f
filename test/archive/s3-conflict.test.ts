import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { isUnbroken, newKey, S3Archive } from './s3-archive.ts'

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

const currentSegment = (): Promise<string> => cluster.text('select pg_walfile_name(pg_current_wal_insert_lsn())')

it('stores each segment once when two receivers archive the same cluster into the same bucket', async () => {
  const keys = [newKey('shared')]
  await using one = await S3Archive.create(server, cluster, { keys })
  await using two = await S3Archive.create(server, cluster, { keys, bucket: one.bucket })
  await using first = one.startWalr()
  await using second = two.startWalr()
  for (const walr of [first, second]) await walr.waitForLine(/starting log streaming/)
  for (let round = 0; round < 4; round += 1) await finishSegments(cluster, 3)
  const last = await finishSegments(cluster, 1)
  for (const archive of [one, two]) await archive.untilAllArchived(last)
  for (const walr of [first, second]) expect(await walr.stop()).toBe(0)

  const archived = await one.segments()
  expect(isUnbroken(archived)).toBe(true)
  for (const name of archived) expect((await one.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
  expect(await one.quarantine()).toEqual([])
  const puts = [one, two].map(({ proxy }) =>
    proxy.requests.filter(({ method, path }) => method === 'PUT' && path.includes('/wal/')),
  )
  // Both tried, and of the two requests for one name one was refused.
  expect(puts.flat().filter(({ status }) => status === 200).length).toBe(archived.length)
  expect(puts.flat().some(({ status }) => status === 412)).toBe(true)
  for (const { stderr } of [first, second]) expect(stderr.filter((line) => /^walr: error|WALR_/.test(line))).toEqual([])
})

it.each<[string, RegExp, string, (archive: S3Archive, name: string, key: ReturnType<typeof newKey>) => Promise<void>]>([
  [
    'other WAL',
    /^walr: error: the archive has other WAL under the name of segment/,
    'WALR_ARCHIVE_CONFLICT',
    (archive, name, key) => archive.plantEncoded(archive.segmentKey(name), Buffer.alloc(1_048_576, 1), key),
  ],
  [
    'something shorter',
    /^walr: error: the archive has other WAL under the name of segment/,
    'WALR_ARCHIVE_CONFLICT',
    (archive, name, key) => archive.plantEncoded(archive.segmentKey(name), Buffer.alloc(0), key),
  ],
  [
    'a damaged object',
    /^walr: error: the archive has something that does not decode under the name of segment/,
    'WALR_OBJECT_CORRUPT',
    (archive, name) => archive.plant(archive.segmentKey(name), Buffer.from('not an object of walr')),
  ],
  [
    'an object without any bytes',
    /^walr: error: the archive has something that does not decode under the name of segment/,
    'WALR_OBJECT_CORRUPT',
    (archive, name) => archive.plant(archive.segmentKey(name), Buffer.alloc(0)),
  ],
])(
  'does not touch %s that has the name of a segment, keeps its own twice, and archives the others',
  async (_what, line, code, plant) => {
    const key = newKey('only')
    await using archive = await S3Archive.create(server, cluster, { keys: [key] })
    const taken = await conflict(archive, { line, code, plant: (name) => plant(archive, name, key) })
    const planted = await archive.object(archive.segmentKey(taken))

    // The next start finds the same, says it again, and stores nothing more.
    const before = await archive.keys()
    await using walr = archive.startWalr()
    await walr.waitForLine(line)
    await walr.waitForLine(new RegExp(`^walr: code: ${code}$`))
    await archive.untilArchived(await finishSegments(cluster, 1))
    expect(await walr.stop()).toBe(0)
    expect(
      (await archive.keys()).filter((name) => !before.includes(name)).every((name) => name.includes('/wal/')),
    ).toBe(true)
    expect(await archive.quarantine()).toHaveLength(1)
    expect((await archive.object(archive.segmentKey(taken))).equals(planted)).toBe(true)
    expect(archive.localSegments()).toContain(taken)
  },
)

/** Plants something under the name of the segment that is finished next. Resolves to that name when walr has stopped. */
async function conflict(
  archive: S3Archive,
  { line, code, plant }: { line: RegExp; code: string; plant: (name: string) => Promise<void> },
): Promise<string> {
  await using walr = archive.startWalr()
  await archive.untilAllArchived(await finishSegments(cluster, 1))
  const taken = await currentSegment()
  await plant(taken)
  const planted = await archive.object(archive.segmentKey(taken))
  const last = await finishSegments(cluster, 4)
  await walr.waitForLine(line)
  await walr.waitForLine(new RegExp(`^walr: code: ${code}$`))
  await archive.untilArchived(last)
  await waitFor('the others are gone', () => archive.localSegments().length <= 2)
  const { archive: told } = await archive.untilStatus('it is listed', (status) => status.archive.quarantined.length > 0)
  expect(told.quarantined).toEqual([taken])
  expect(told.backlog.files).toBe(1)
  expect(await walr.stop()).toBe(0)

  const own = serverSegment(cluster, taken)
  expect((await archive.object(archive.segmentKey(taken))).equals(planted)).toBe(true)
  expect(readFileSync(join(archive.receiveDirectory, taken)).equals(own)).toBe(true)
  const [quarantined, ...more] = await archive.quarantine()
  expect(more).toEqual([])
  expect((await archive.open(quarantined ?? '')).plain.equals(own)).toBe(true)
  const archived = await archive.segments()
  expect(isUnbroken(archived)).toBe(true)
  for (const name of archived) {
    if (name !== taken) expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
  }
  return taken
}
