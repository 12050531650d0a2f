import { expect, it } from 'vitest'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { finishSegments } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { LocalArchive } from './local-archive.ts'

const restartLsn = (cluster: PostgresCluster, slot: string): Promise<string> =>
  cluster.text(`select restart_lsn::text from pg_replication_slots where slot_name = '${slot}'`)

it.each([14, 17] as const)(
  'keeps on server %i what the archive lacks, so that a lost receive directory costs nothing',
  async (version) => {
    // No wal_keep_size: without the guard the server would remove what the stream's own slot has passed.
    await using cluster = await startCluster({ version, settings: { wal_keep_size: '0' } })
    await using archive = await LocalArchive.create(cluster, { receive: 'guardSlot: walr_guard' })
    {
      await using walr = archive.startWalr()
      await archive.untilArchived(await finishSegments(cluster, 3))
      await waitFor(
        'the guard follows the archive',
        async () =>
          (await cluster.text(
            "select restart_lsn >= pg_current_wal_lsn() - 2 * 1048576 from pg_replication_slots where slot_name = 'walr_guard'",
          )) === 'true',
        { deadlineMs: 30_000 },
      )
      archive.takeAway()
      const guarded = await restartLsn(cluster, 'walr_guard')
      await finishSegments(cluster, 4)
      await waitFor('the stream is ahead of the guard', async () => (await restartLsn(cluster, 'walr')) > guarded)
      await cluster.exec('checkpoint')
      await cluster.exec('checkpoint')
      expect(await restartLsn(cluster, 'walr_guard')).toBe(guarded)
      await walr.stop('SIGKILL')
    }
    await archive.loseReceiveDirectory()
    archive.bringBack()
    await using walr = archive.startWalr()
    await archive.untilArchived(await finishSegments(cluster, 1))
    expect(await walr.stop()).toBe(0)
    const numbers = (await archive.segments()).map((name) => Number(`0x${name.slice(16)}`))
    expect(numbers.length).toBeGreaterThanOrEqual(8)
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  },
)

it('jumps over nothing that the stream’s slot had kept before there was a guard', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '0' } })
  await using archive = await LocalArchive.create(cluster, { receive: 'guardSlot: walr_guard' })
  const kept = await cluster.text(
    "select pg_walfile_name(restart_lsn) from pg_replication_slots where slot_name = 'walr'",
  )
  await finishSegments(cluster, 4)
  // A new slot keeps WAL from the last checkpoint on.
  await cluster.exec('checkpoint')
  await using walr = archive.startWalr()
  await walr.waitForLine(/created the guard slot "walr_guard": the server keeps WAL from 0\/[0-9A-F]+ on/)
  await archive.untilArchived(await finishSegments(cluster, 1))
  expect(await walr.stop()).toBe(0)
  const archived = await archive.segments()
  expect(archived[0]).toBe(kept)
  const numbers = archived.map((name) => Number(`0x${name.slice(16)}`))
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
})

it('starts at the guard when both the directory and the archive are away', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '0' } })
  await using archive = await LocalArchive.create(cluster, { receive: 'guardSlot: walr_guard' })
  {
    await using walr = archive.startWalr()
    await archive.untilArchived(await finishSegments(cluster, 2))
    archive.takeAway()
    await finishSegments(cluster, 3)
    await waitFor('the backlog is seen', async () => ((await archive.status())?.archive.backlog.files ?? 0) >= 3)
    await walr.stop('SIGKILL')
  }
  await archive.loseReceiveDirectory()
  await using walr = archive.startWalr()
  await walr.waitForLine(/choosing the start without the archive/, { deadlineMs: 60_000 })
  await walr.waitForLine(/starting log streaming/)
  archive.bringBack()
  await archive.untilArchived(await finishSegments(cluster, 1), 90_000)
  expect(await walr.stop()).toBe(0)
  const numbers = (await archive.segments()).map((name) => Number(`0x${name.slice(16)}`))
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  expect(walr.stderr.join('\n')).not.toContain('neither in the archive')
})

it('stands beside synchronous replication: commits wait for the flush, and the guard for the archive', async () => {
  await using cluster = await startCluster({
    version: 16,
    settings: { wal_keep_size: '0', synchronous_standby_names: 'walr' },
  })
  await cluster.exec('set synchronous_commit = local; select 1')
  await using archive = await LocalArchive.create(cluster, { receive: 'guardSlot: walr_guard' })
  await using walr = archive.startWalr()
  await waitFor(
    'walr is the synchronous standby',
    async () => (await cluster.text('select count(*) from pg_stat_replication where sync_state = $$sync$$')) === '1',
  )
  await archive.untilArchived(await finishSegments(cluster, 1))
  archive.takeAway()
  const guarded = await restartLsn(cluster, 'walr_guard')
  // These would never return if commits waited for the archive.
  for (let row = 0; row < 20; row += 1) await cluster.exec(`create table row_${row} ()`)
  await finishSegments(cluster, 2)
  expect(await restartLsn(cluster, 'walr_guard')).toBe(guarded)
  expect((await restartLsn(cluster, 'walr')) > guarded).toBe(true)
  archive.bringBack()
  expect(await walr.stop()).toBe(0)
})
