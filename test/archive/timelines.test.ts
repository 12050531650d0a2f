import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { promote } from '../support/standby.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'
import { LocalArchive } from './local-archive.ts'

const settings = { wal_keep_size: '1GB' }

/** A copy of a server that does not run, promoted to the next timeline. */
async function promotedCopy(of: PostgresCluster): Promise<PostgresCluster> {
  const copy = await startCluster({
    version: of.version,
    copyOf: of.dataDirectory,
    signalFiles: ['standby.signal'],
    settings,
  })
  await promote(copy)
  return copy
}

/** Of each gap that the archive has a record of, the megabytes before it and behind it. */
async function gaps(archive: LocalArchive): Promise<readonly (readonly [number, number])[]> {
  const names = (await archive.keys()).map((key) => /\/gaps\/([0-9A-F]{11})00000-([0-9A-F]{11})00000\.json$/.exec(key))
  return names.filter((name) => name !== null).map((name) => [Number(`0x${name[1]}`), Number(`0x${name[2]}`)])
}

it('records WAL that went missing over two promotions while the archive was not there', async () => {
  await using first = await startCluster({ version: 17, settings })
  await using archive = await LocalArchive.create(first)
  let last: string
  {
    await using walr = archive.startWalr()
    last = await finishSegments(first, 2)
    await archive.untilArchived(last)
    expect(await walr.stop()).toBe(0)
  }
  await finishSegments(first, 2)
  await first.stop()
  await using second = await promotedCopy(first)
  await finishSegments(second, 2)
  await second.stop()
  await using third = await promotedCopy(second)
  await finishSegments(third, 2)
  // A directory of its own, filled without asking the archive.
  await archive.loseReceiveDirectory()
  await third.exec(`select pg_drop_replication_slot('walr')`).catch(() => undefined)
  await createSlot(third, 'walr')
  {
    await using walr = startWalr(['receive', '-D', archive.receiveDirectory, '-S', 'walr', '-d', third.conninfo()])
    const finished = await finishSegments(third, 1)
    await waitFor('a segment of timeline 3', () => existsSync(join(archive.receiveDirectory, finished)))
    expect(await walr.stop()).toBe(0)
  }
  const received = readdirSync(archive.receiveDirectory)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .toSorted()
  expect(received[0]).toMatch(/^00000003/)
  archive.connectTo(third)
  await using walr = archive.startWalr()
  await walr.waitForLine(/WALR_WAL_GAP/)
  await archive.untilArchived(await finishSegments(third, 1))
  await waitFor('the gap is in the archive', async () => (await gaps(archive)).length > 0)
  const [missing, ...more] = await gaps(archive)
  expect(missing).toEqual([numberOf(last) + 1, numberOf(received[0] ?? '')])
  expect(more).toEqual([])
  expect(await walr.stop()).toBe(0)
})

it('keeps the WAL of another server with the same timeline out of the archive', async () => {
  await using primary = await startCluster({ version: 17, settings })
  await using archive = await LocalArchive.create(primary)
  {
    await using walr = archive.startWalr()
    await archive.untilArchived(await finishSegments(primary, 2))
    expect(await walr.stop()).toBe(0)
  }
  await primary.stop()
  await using one = await promotedCopy(primary)
  await primary.start()
  await primary.exec('create table makes_the_other_branch_longer ()')
  await primary.stop()
  await using other = await promotedCopy(primary)
  for (const server of [one, other]) {
    await server.exec(`select pg_drop_replication_slot('walr')`).catch(() => undefined)
    await createSlot(server, 'walr')
  }
  archive.connectTo(one, 'receive-one')
  {
    await using walr = archive.startWalr()
    await archive.untilArchived(await finishSegments(one, 2))
    expect(await walr.stop()).toBe(0)
  }
  const before = await archive.segments()
  archive.connectTo(other)
  await using walr = archive.startWalr()
  await walr.waitForLine(/WALR_ARCHIVE_CONFLICT/)
  const last = await finishSegments(other, 6)
  await waitFor('it is received', () => existsSync(join(archive.receiveDirectory, last)))
  await waitFor('it is in the backlog', async () => ((await archive.status())?.archive.backlog.files ?? 0) >= 6)
  expect((await archive.status())?.archive).toMatchObject({
    quarantined: ['00000002.history'],
    lastError: { code: 'WALR_ARCHIVE_CONFLICT' },
  })
  expect(await walr.stop()).toBe(0)
  expect(await archive.segments()).toEqual(before)
  for (const name of before.filter((segment) => segment.startsWith('00000002'))) {
    expect((await archive.read(name)).equals(serverSegment(one, name)), name).toBe(true)
  }
})

function numberOf(walFileName: string): number {
  return Number(`0x${walFileName.slice(16)}`)
}
