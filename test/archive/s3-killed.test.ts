import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { SeededRandom } from '../crash/seeded-random.ts'
import { startLoad } from '../crash/wal-load.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { startRadosgw } from '../support/radosgw/radosgw.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { isUnbroken, S3Archive } from './s3-archive.ts'

it('has every segment in the bucket, whole and once, however often walr was killed while it archived', async () => {
  const random = new SeededRandom()
  console.log(`WALR_TEST_SEED=${random.seed}`)
  await using server = await startRadosgw()
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '8GB', max_wal_size: '8GB' } })
  await using archive = await S3Archive.create(server, cluster, { archive: ['concurrency: 3'] })
  await using load = await startLoad(cluster, random)
  for (let kill = 0; kill < 12; kill += 1) {
    await using walr = archive.startWalr(['-v'])
    const before = await archive.segments()
    // Most kills while objects are being stored; some while it starts.
    if (random.next() < 0.8) await walr.waitForLine(/archived segment/, { deadlineMs: 60_000 })
    await delay(random.between(0, 300))
    expect(await walr.stop('SIGKILL')).toBe('SIGKILL')
    expect(await archive.segments()).toEqual(expect.arrayContaining([...before]))
  }
  await load.stop()
  await using walr = archive.startWalr()
  await archive.untilAllArchived(await finishSegments(cluster, 1))
  expect(await walr.stop()).toBe(0)
  const archived = await archive.segments()
  expect(isUnbroken(archived)).toBe(true)
  expect(archived.length).toBeGreaterThan(12)
  for (const name of archived) expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
  expect(await archive.quarantine()).toEqual([])
  expect((await archive.keys()).filter((key) => key.includes('/gaps/'))).toEqual([])
})
