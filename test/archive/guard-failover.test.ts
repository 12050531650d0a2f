import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { promote, startStandby, untilCaughtUp } from '../support/standby.ts'
import { waitFor } from '../support/wait-for.ts'
import { createSlot, finishSegments } from '../support/wal-traffic.ts'
import { LocalArchive } from './local-archive.ts'

const isGuardBehind = async (cluster: PostgresCluster, lsn: string): Promise<boolean> =>
  (await cluster.text("select restart_lsn <= $1::pg_lsn from pg_replication_slots where slot_name = 'walr_guard'", [
    lsn,
  ])) === 'true'

it('keeps on a new primary what the archive has of the old one only', async () => {
  await using primary = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using standby = await startStandby(primary)
  await using archive = await LocalArchive.create(primary, { receive: 'guardSlot: walr_guard' })
  await createSlot(standby, 'walr')
  // As servers that synchronise their slots have it.
  await standby.exec("select pg_create_physical_replication_slot('walr_guard', true)")
  const whoeverWrites = `host=${primary.host},${standby.host} port=${primary.port},${standby.port} user=${primary.superuser} target_session_attrs=read-write`
  const startWalr = (): ReturnType<LocalArchive['startWalr']> => archive.startWalr(['--dbname', whoeverWrites])
  let last: string
  let switchLsn: string
  {
    await using walr = startWalr()
    await archive.untilArchived(await finishSegments(primary, 2))
    await untilCaughtUp(standby, primary)
    standby.configure({ primary_conninfo: '' })
    standby.reload()
    await waitFor(
      'the standby is left behind',
      async () => (await standby.text('select count(*) from pg_stat_wal_receiver')) === '0',
    )
    await archive.untilArchived(await finishSegments(primary, 8))
    await primary.stop('immediate')
    archive.takeAway()
    await promote(standby)
    last = await finishSegments(standby, 4)
    await waitFor('the backlog is seen', async () => ((await archive.status())?.archive.backlog.files ?? 0) >= 4)
    const history = readFileSync(join(archive.receiveDirectory, '00000002.history'), 'utf8')
    switchLsn = history.split('\t')[1] ?? ''
    const position = (await archive.status())?.archive
    expect(position?.archivedTimelineId).toBe(2)
    expect(await standby.text('select $1::pg_lsn <= $2::pg_lsn', [position?.archivedLsn, switchLsn])).toBe('true')
    // At its end it moves the guard a last time.
    expect(await walr.stop()).toBe(0)
    expect(await isGuardBehind(standby, switchLsn)).toBe(true)
  }
  archive.bringBack()
  await using walr = startWalr()
  await archive.untilArchived(last)
  expect(await walr.stop()).toBe(0)
  expect(await isGuardBehind(standby, switchLsn)).toBe(false)
  expect(walr.stderr.join('\n')).not.toContain('WALR_WAL_GAP')
})
