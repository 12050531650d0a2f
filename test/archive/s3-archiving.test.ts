import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster } from '../support/postgres-cluster.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { waitFor } from '../support/wait-for.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { isForSegment, isSegmentPut, isUnbroken, S3Archive } from './s3-archive.ts'

/** Nothing was asked for so long: longer than between two questions that follow one another. */
const QUIET_MS = 1000

let server: Radosgw
beforeAll(async () => {
  server = await startRadosgw()
})
afterAll(() => server.stop())

it('stores every finished segment with exactly one conditional request, and asks for nothing else', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using archive = await S3Archive.create(server, cluster)
  await using walr = archive.startWalr()
  await archive.untilAllArchived(await finishSegments(cluster, 1))
  const { requests } = archive.proxy
  // The first look into the archive, for the start and for what is before the first segment, is all that there may be. The
  // search for holes goes on beside the archiving.
  await waitFor('the first look is over', () =>
    requests.every(({ endedAtMs = Infinity }) => endedAtMs < performance.now() - QUIET_MS),
  )
  const atStart = requests.length
  expect(atStart).toBeLessThan(150)

  await archive.untilAllArchived(await finishSegments(cluster, 12))
  expect(await walr.stop()).toBe(0)
  const later = requests.slice(atStart)
  expect(later.filter((seen) => !isSegmentPut(seen))).toEqual([])
  const puts = requests.filter(isSegmentPut)
  expect(new Set(puts.map(({ path }) => path)).size).toBe(puts.length)
  expect(puts.map(({ headers }) => headers['if-none-match'])).toEqual(puts.map(() => '*'))
  expect(puts.map(({ status }) => status)).toEqual(puts.map(() => 200))
  expect(requests.filter((seen) => isForSegment(seen) && !isSegmentPut(seen))).toEqual([])

  const archived = await archive.segments()
  expect(archived.length).toBe(puts.length)
  expect(archived.length).toBeGreaterThanOrEqual(13)
  expect(isUnbroken(archived)).toBe(true)
  for (const name of archived) expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
  expect(archive.localSegments().length).toBeLessThanOrEqual(1)
  expect(walr.stderr.filter((line) => /error|warning/.test(line))).toEqual([])
})

it('asks few questions at a start on top of an archive, and at most one for a segment', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using archive = await S3Archive.create(server, cluster)
  {
    await using walr = archive.startWalr()
    await archive.untilAllArchived(await finishSegments(cluster, 10))
    expect(await walr.stop()).toBe(0)
  }
  archive.proxy.clear()
  await using walr = archive.startWalr()
  await archive.untilAllArchived(await finishSegments(cluster, 3))
  expect(await walr.stop()).toBe(0)
  // The newest segment stayed in the directory: whether it is the one of the archive is a question that costs one answer.
  expect(archive.proxy.requests.filter((seen) => isForSegment(seen) && !isSegmentPut(seen)).length).toBeLessThanOrEqual(
    1,
  )
  expect(archive.proxy.requests.filter((seen) => !isForSegment(seen)).length).toBeLessThan(150)
  expect(isUnbroken(await archive.segments())).toBe(true)
})
