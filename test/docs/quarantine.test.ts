import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { LocalArchive } from '../archive/local-archive.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { finishSegments } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'

// What docs/runbooks/archive.md says under "Quarantine".

/** Puts garbage where the segment that is open goes to. Resolves to its path and to the segment's name. */
async function takeOpenName(
  cluster: PostgresCluster,
  archive: LocalArchive,
): Promise<{ readonly object: string; readonly name: string }> {
  const name = await cluster.text('select pg_walfile_name(pg_current_wal_insert_lsn())')
  const systemIdentifier = await cluster.text('select system_identifier::text from pg_control_system()')
  const place = join('main', systemIdentifier, 'wal', name.slice(0, 8), `${name}.zst`)
  const object = join(archive.archiveDirectory, place)
  mkdirSync(dirname(object), { recursive: true })
  writeFileSync(object, 'no WAL')
  return { object, name }
}

async function untilQuarantined(archive: LocalArchive, names: readonly string[]): Promise<void> {
  await waitFor(
    `in quarantine: ${names.join()}`,
    async () => {
      const quarantined = (await archive.status())?.archive.quarantined
      return quarantined?.join() === names.join()
    },
    { deadlineMs: 40_000 },
  )
}

it('settles a quarantine by moving the object away and starting walr again', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using archive = await LocalArchive.create(cluster)
  let taken: { readonly object: string; readonly name: string }
  {
    await using walr = archive.startWalr()
    // An archive that has the name already is what an empty directory goes on behind.
    await walr.waitForLine(/starting log streaming/)
    taken = await takeOpenName(cluster, archive)
    const last = await finishSegments(cluster, 3)
    await archive.untilArchived(last)
    await untilQuarantined(archive, [taken.name])
    expect(readdirSync(archive.receiveDirectory)).toContain(taken.name)
    expect(await walr.stop()).toBe(0)
  }
  const { object, name } = taken
  rmSync(object)
  await using walr = archive.startWalr()
  await archive.untilArchived(name)
  await untilQuarantined(archive, [])
  await waitFor('the local file is removed', () => !readdirSync(archive.receiveDirectory).includes(name))
  expect(await walr.stop()).toBe(0)
})

it('settles a quarantine by moving the local file away, without starting walr again', async () => {
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using archive = await LocalArchive.create(cluster, { receive: 'guardSlot: walr_guard' })
  await using walr = archive.startWalr()
  await walr.waitForLine(/starting log streaming/)
  const { name } = await takeOpenName(cluster, archive)
  const last = await finishSegments(cluster, 3)
  await archive.untilArchived(last)
  await untilQuarantined(archive, [name])
  const archivedLsn = (await archive.status())?.archive.archivedLsn
  renameSync(join(archive.receiveDirectory, name), join(dirname(archive.receiveDirectory), name))
  await untilQuarantined(archive, [])
  await finishSegments(cluster, 1)
  await waitFor('the archive passes it', async () => {
    const now = (await archive.status())?.archive
    return now?.backlog.files === 0 && now.archivedLsn !== archivedLsn
  })
  expect(await walr.stop()).toBe(0)
})
