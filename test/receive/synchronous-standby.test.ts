import { expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { createSlot, finishSegments } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'

it('reports write and flush positions that follow the server, and no apply position', async () => {
  await using cluster = await startCluster({ version: 15 })
  await using ours = new ReceivedDirectory()
  await using walr = await receive(cluster, ours)
  for (const make of [() => cluster.exec('create table one ()'), () => finishSegments(cluster, 2)]) {
    await make()
    const target = await cluster.text('select pg_current_wal_flush_lsn()')
    const row = await waitFor(`walr has flushed ${target}`, async () => {
      const [found] = await cluster.exec(
        `select write_lsn = flush_lsn as same, replay_lsn from pg_stat_replication
         where application_name = 'walr' and flush_lsn >= $1::pg_lsn`,
        [target],
      )
      return found
    })
    expect(row['same']).toBe(true)
    expect(row['replay_lsn']).toBeNull()
  }
  expect(await walr.stop()).toBe(0)
})

it('releases synchronous commits within milliseconds, also right after a segment was finished', async () => {
  await using cluster = await startCluster({ version: 15 })
  await using ours = new ReceivedDirectory()
  await using walr = await receive(cluster, ours)
  await cluster.exec('create table commits (number int)')
  await cluster.exec(`alter system set synchronous_standby_names = 'walr'`)
  cluster.reload()
  await waitFor('walr is the synchronous standby', async () => {
    const rows = await cluster.exec(
      `select 1 from pg_stat_replication where sync_state = 'sync' and state = 'streaming'`,
    )
    return rows.length === 1
  })
  // timed on the server: opening a connection for each commit would be most of it
  await cluster.exec(`
    create table times (ms float8);
    create procedure commit_often(repeats int) language plpgsql as $$
    declare started timestamptz;
    begin
      for number in 1..repeats loop
        if number % 20 = 0 then perform pg_switch_wal(); end if;
        insert into commits values (number);
        started := clock_timestamp();
        commit;
        insert into times values (extract(epoch from clock_timestamp() - started) * 1000);
      end loop;
    end $$`)
  await cluster.exec('call commit_often(100)')
  const times = await cluster.exec(
    'select percentile_cont(0.5) within group (order by ms) as median, max(ms) as longest from times',
  )
  expect(Number(times[0]?.['median'])).toBeLessThan(50)
  expect(Number(times[0]?.['longest'])).toBeLessThan(2000)
  expect(await walr.stop()).toBe(0)
})

it('moves restart_lsn of its slot to the end of a finished segment without waiting for the status interval', async () => {
  await using cluster = await startCluster({ version: 15 })
  await using ours = new ReceivedDirectory()
  await using walr = await receive(cluster, ours, ['--status-interval', '3600'])
  await finishSegments(cluster, 1)
  const end = await cluster.text('select pg_current_wal_flush_lsn()')
  const reached = async (): Promise<boolean> =>
    (await cluster.text('select restart_lsn >= $1::pg_lsn from pg_replication_slots', [end])) === 'true'
  await waitFor(`the slot is at ${end}`, reached, { deadlineMs: 5000 })
  expect(await walr.stop()).toBe(0)
})

it('lets the server shut down at once, and goes on when it is back', async () => {
  await using cluster = await startCluster({ version: 15 })
  await using ours = new ReceivedDirectory()
  await using walr = await receive(cluster, ours)
  const before = await finishSegments(cluster, 1)
  await ours.untilPresent(before)
  const from = performance.now()
  await cluster.stop('fast')
  expect(performance.now() - from).toBeLessThan(5000)
  await cluster.start()
  const after = await finishSegments(cluster, 1)
  await ours.untilPresent(after)
  expect(await walr.stop()).toBe(0)
})

async function receive(
  cluster: PostgresCluster,
  directory: ReceivedDirectory,
  more: readonly string[] = [],
): Promise<RunningProgram> {
  await createSlot(cluster, 'ours')
  const options = { env: { PGAPPNAME: 'walr' } }
  const walr = startWalr(['receive', '-D', directory.path, '-S', 'ours', ...more, '-d', cluster.conninfo()], options)
  await waitFor('walr streams', async () => {
    const rows = await cluster.exec(`select 1 from pg_stat_replication where application_name = 'walr'`)
    return rows.length === 1
  })
  return walr
}
