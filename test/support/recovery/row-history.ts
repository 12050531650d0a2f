import pg from 'pg'
import { copyDataDirectory } from '../initialise-data-directory.ts'
import type { PostgresCluster } from '../postgres-cluster.ts'
import { mustRun } from '../run-program.ts'
import { waitFor } from '../wait-for.ts'

/** A committed row, and everything that names the moment right behind its commit. */
export interface RowPoint {
  readonly number: number
  /** The segment with its commit. */
  readonly segment: string
  readonly xid: string
  readonly time: string
  readonly lsn: string
  /** A restore point. */
  readonly name: string
}

export async function makeTable(cluster: PostgresCluster): Promise<void> {
  await cluster.exec('create table rows (number int primary key)')
}

/** WAL beside a row, in hexadecimal digits that compress to half of it: so that an object has a middle. */
const PADDING = `select pg_logical_emit_message(false, 'walr', string_agg(md5(random()::text), '')) from generate_series(1, 10000)`

/** Commits a row with some 300 KB of other WAL before it, and puts a restore point behind it. */
export async function writeRow(cluster: PostgresCluster, number: number): Promise<RowPoint> {
  await cluster.exec(PADDING)
  const xid = await cluster.text(
    `with added as (insert into rows values (${number}) returning 1) select pg_current_xact_id()::text from added`,
  )
  const [row] = await cluster.exec(
    'select lsn::text, pg_walfile_name(lsn) as segment, clock_timestamp()::text as time from pg_current_wal_insert_lsn() lsn',
  )
  const { lsn, segment, time } = row as { lsn: string; segment: string; time: string }
  const name = `row ${number}`
  await cluster.exec(`select pg_create_restore_point($1)`, [name])
  return { number, segment, xid, time, lsn, name }
}

export async function readRows(cluster: PostgresCluster): Promise<readonly number[]> {
  const found = await cluster.exec('select number from rows order by number')
  return found.map((row) => Number(row['number']))
}

/** A base backup of the running server by its functions and `cp`; `meanwhile` runs between its start and the copy. */
export async function takeBaseBackup(
  cluster: PostgresCluster,
  target: string,
  meanwhile: () => Promise<void>,
): Promise<void> {
  const { socketDirectory: host, port, superuser: user } = cluster
  const client = new pg.Client({ host, port, user, database: 'postgres' })
  await client.connect()
  try {
    const isOld = Number(await cluster.text(`select current_setting('server_version_num')`)) < 150_000
    await client.query(isOld ? `select pg_start_backup('copy', true, false)` : `select pg_backup_start('copy', true)`)
    await meanwhile()
    await copyDataDirectory(cluster.dataDirectory, target)
    const stopped = await client.query<{ labelfile: string }>(
      `select labelfile from ${isOld ? 'pg_stop_backup(false)' : 'pg_backup_stop()'}`,
    )
    const label = stopped.rows[0]?.labelfile ?? ''
    const clean = 'rm -rf postmaster.pid postmaster.opts pg_wal/* pg_replslot/* && cat >backup_label'
    await mustRun('sh', ['-c', clean], { cwd: target, input: label, ...owner(cluster) })
  } finally {
    await client.end()
  }
}

function owner({ uid, gid }: PostgresCluster): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid, gid } : {}
}

/** Resolves when a server that may be starting, and may be a standby, has this row. */
export async function untilRow(cluster: PostgresCluster, number: number, deadlineMs = 60_000): Promise<void> {
  const isThere = async (): Promise<boolean> => (await readRows(cluster)).includes(number)
  await waitFor(`row ${number}`, isThere, { deadlineMs, intervalMs: 100 }).catch((cause: unknown) => {
    throw new Error(`row ${number} does not come; the server's log:\n${cluster.log}`, { cause })
  })
}
