import type { PostgresCluster } from '../test/support/postgres-cluster.ts'

const BATCH_ROWS = 200_000

/**
 * Makes the server write at least `bytes` of WAL, the way an application does: batches of inserts into a table with two
 * indexes, each followed by an update of every tenth row, with a checkpoint after each quarter GiB, so that full-page images are
 * among it. About 100 bytes of a row are text that does not compress well.
 */
export async function makeWal(cluster: PostgresCluster, bytes: number): Promise<void> {
  await cluster.exec('create table load (id bigserial primary key, account int, note text)')
  await cluster.exec('create index on load (account)')
  const start = await cluster.text('select pg_current_wal_lsn()')
  const checkpointEvery = 256 * 1024 * 1024
  for (let written = 0, checkpointed = 0; written < bytes;) {
    await cluster.exec(
      `insert into load (account, note)
       select (random() * 1000000)::int, md5(random()::text) || md5(random()::text) || md5(random()::text)
       from generate_series(1, ${BATCH_ROWS})`,
    )
    await cluster.exec(
      `update load set account = account + 1 where id % 10 = 0 and id > (select max(id) - ${BATCH_ROWS} from load)`,
    )
    written = Number(await cluster.text(`select pg_current_wal_lsn() - $1::pg_lsn`, [start]))
    if (written - checkpointed >= checkpointEvery) {
      await cluster.exec('checkpoint')
      checkpointed = written
    }
  }
}
