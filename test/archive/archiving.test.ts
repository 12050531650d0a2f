import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startCluster } from '../support/postgres-cluster.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { LocalArchive } from './local-archive.ts'

it('brings every finished segment into a local archive, and leaves only what is open', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using archive = await LocalArchive.create(cluster)
  {
    await using walr = archive.startWalr()
    const last = await finishSegments(cluster, 8)
    await archive.untilArchived(last)
    expect(await walr.stop()).toBe(0)
  }
  const archived = await archive.segments()
  expect(archived.length).toBeGreaterThanOrEqual(8)
  for (const name of archived) {
    expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
  }
  const numbers = archived.map((name) => Number(`0x${name.slice(16)}`))
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  const left = readdirSync(archive.receiveDirectory).filter((name) => /^[0-9A-F]{24}$/.test(name))
  expect(left.length).toBeLessThanOrEqual(1)
})

it('goes on behind the archive when the receive directory is lost, without a gap', async () => {
  await using cluster = await startCluster({ version: 16, settings: { wal_keep_size: '1GB' } })
  await using archive = await LocalArchive.create(cluster)
  {
    await using walr = archive.startWalr()
    await archive.untilArchived(await finishSegments(cluster, 3))
    await walr.stop('SIGKILL')
  }
  await archive.loseReceiveDirectory()
  await finishSegments(cluster, 3)
  await using walr = archive.startWalr()
  await walr.waitForLine(/going on behind the archive/)
  await archive.untilArchived(await finishSegments(cluster, 2))
  expect(await walr.stop()).toBe(0)
  const numbers = (await archive.segments()).map((name) => Number(`0x${name.slice(16)}`))
  expect(numbers.length).toBeGreaterThanOrEqual(8)
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
})

it('starts and receives while the archive is away, and archives all of it when it is back', async () => {
  await using cluster = await startCluster({ version: 15, settings: { wal_keep_size: '1GB' } })
  await using archive = await LocalArchive.create(cluster)
  {
    await using walr = archive.startWalr()
    await archive.untilArchived(await finishSegments(cluster, 1))
    expect(await walr.stop()).toBe(0)
  }
  archive.takeAway()
  await using walr = archive.startWalr()
  const last = await finishSegments(cluster, 4)
  await waitFor('the segments lie in the receive directory', () => existsSync(join(archive.receiveDirectory, last)))
  await waitFor(
    'the status tells of the outage',
    async () => ((await archive.status())?.archive.backlog.files ?? 0) >= 4,
  )
  archive.bringBack()
  await archive.untilArchived(last, 90_000)
  expect(await walr.stop()).toBe(0)
})

it('leaves foreign files alone', async () => {
  await using cluster = await startCluster({ version: 15, settings: { wal_keep_size: '1GB' } })
  await using archive = await LocalArchive.create(cluster)
  const foreign = ['000000010000000000000001.backup', 'notes.txt', 'walr.config.yaml']
  for (const name of foreign) writeFileSync(join(archive.receiveDirectory, name), 'mine')
  await using walr = archive.startWalr()
  await archive.untilArchived(await finishSegments(cluster, 2))
  expect(await walr.stop()).toBe(0)
  expect(readdirSync(archive.receiveDirectory)).toEqual(expect.arrayContaining(foreign))
  expect(await archive.keys()).not.toEqual(expect.arrayContaining([expect.stringMatching(/notes|backup|yaml|partial/)]))
})
