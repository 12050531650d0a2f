import { expect, it } from 'vitest'
import { startCluster } from '../support/postgres-cluster.ts'
import { createSlot, finishSegments } from '../support/wal-traffic.ts'
import { LocalArchive } from './local-archive.ts'

it('an empty directory does not go on behind the archive of a server that the present one is an older copy of', async () => {
  const settings = { wal_keep_size: '1GB', autovacuum: 'off' }
  await using one = await startCluster({ version: 17, settings })
  await using archive = await LocalArchive.create(one)
  await one.stop()
  await using copy = await startCluster({ version: 17, copyOf: one.dataDirectory, settings })
  await copy.exec("select pg_drop_replication_slot('walr')").catch(() => undefined)
  await createSlot(copy, 'walr')
  await one.start()
  {
    await using walr = archive.startWalr()
    await archive.untilArchived(await finishSegments(one, 3))
    expect(await walr.stop()).toBe(0)
  }
  const before = await archive.segments()
  archive.connectTo(copy)
  await archive.loseReceiveDirectory()
  {
    await using walr = archive.startWalr()
    await walr.waitForLine(/the server's WAL ends at 0\/[0-9A-F]+, and walr has it up to 0\/[0-9A-F]+ already/)
    expect(await walr.stop()).toBe(0)
  }
  await finishSegments(copy, 6)
  await using walr = archive.startWalr()
  expect(await walr.ended()).toBe(1)
  expect(walr.stderr.join('\n')).toMatch(/the server does not continue "main\/.*": it has other WAL at 0\//)
  expect(await archive.segments()).toEqual(before)
})
