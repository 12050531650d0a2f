import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { SeededRandom } from '../crash/seeded-random.ts'
import { startLoad } from '../crash/wal-load.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { LocalArchive } from './local-archive.ts'

/**
 * Kills walr at random moments while it archives under load, and proves at the end that every segment is in the archive once,
 * with the server's bytes. The seed is printed, and `WALR_TEST_SEED` repeats it.
 */
export async function surviveKillsWhileArchiving(count: number): Promise<void> {
  const random = new SeededRandom()
  console.log(`WALR_TEST_SEED=${random.seed}`)
  await using cluster = await startCluster({
    version: 17,
    settings: { wal_keep_size: '8GB', max_wal_size: '8GB' },
  })
  await using archive = await LocalArchive.create(cluster, { archive: 'concurrency: 3' })
  await using load = await startLoad(cluster, random)
  for (let kill = 0; kill < count; kill += 1) {
    await using walr = archive.startWalr(['-v'])
    const before = (await archive.keys()).length
    // Most kills while objects are being stored; some while it starts.
    if (random.next() < 0.8) await walr.waitForLine(/archived segment/, { deadlineMs: 60_000 })
    await delay(random.between(0, 300))
    expect(await walr.stop('SIGKILL')).toBe('SIGKILL')
    expect((await archive.keys()).length).toBeGreaterThanOrEqual(before)
  }
  await load.stop()
  await using walr = archive.startWalr()
  const last = await finishSegments(cluster, 1)
  await archive.untilArchived(last)
  expect(await walr.stop()).toBe(0)
  const archived = await archive.segments()
  const numbers = archived.map((name) => Number(`0x${name.slice(8, 16)}`) * 4096 + Number(`0x${name.slice(16)}`))
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  expect(archived.length).toBeGreaterThan(count)
  for (const name of archived) {
    expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
  }
  expect((await archive.keys()).filter((key) => key.includes('quarantine'))).toEqual([])
}
