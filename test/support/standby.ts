import { startCluster, type PostgresCluster } from './postgres-cluster.ts'
import { waitFor } from './wait-for.ts'

/** A hot standby that streams from `primary`, which is stopped for a moment so that its data directory can be copied. */
export async function startStandby(primary: PostgresCluster): Promise<PostgresCluster> {
  await primary.stop()
  const standby = await startCluster({
    version: primary.version,
    copyOf: primary.dataDirectory,
    signalFiles: ['standby.signal'],
    settings: { primary_conninfo: primary.conninfo(), wal_retrieve_retry_interval: '200ms' },
    start: false,
  })
  try {
    await primary.start()
    await standby.start()
  } catch (error) {
    await standby[Symbol.asyncDispose]()
    throw error
  }
  return standby
}

/** Resolves when the standby has replayed all that the primary has flushed. */
export async function untilCaughtUp(standby: PostgresCluster, primary: PostgresCluster): Promise<void> {
  const target = await primary.text('select pg_current_wal_flush_lsn()')
  await waitFor(`the standby has replayed ${target}`, async () => {
    return (await standby.text('select pg_last_wal_replay_lsn() >= $1::pg_lsn', [target])) === 'true'
  })
}

/** Promotes a standby and resolves when it takes writes. */
export async function promote(standby: PostgresCluster): Promise<void> {
  await standby.exec('select pg_promote()')
  await waitFor('the standby is promoted', async () => (await standby.text('select pg_is_in_recovery()')) === 'false')
}
