import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyDataDirectory } from '../../test/support/initialise-data-directory.ts'
import { runTool } from '../../test/support/pg-tools.ts'
import { startCluster, type PostgresCluster } from '../../test/support/postgres-cluster.ts'
import { mustRun } from '../../test/support/run-program.ts'
import { makeScratch, type Scratch } from '../../test/support/scratch.ts'
import { asUser, unprivilegedUser } from '../../test/support/unprivileged-user.ts'

/** A cold copy of a cluster without any WAL, all WAL from there on, and what a recovery has to bring back. */
export interface WalSample extends AsyncDisposable {
  /** A data directory; its `pg_wal` is empty. */
  readonly base: string
  /** A folder with the finished segments, under their own names. */
  readonly walDirectory: string
  /** Names of the segments, in order. */
  readonly segments: readonly string[]
  /** A name that no archive of this sample has: that of the segment behind the last one. */
  readonly absentSegment: string
  readonly systemIdentifier: string
  readonly serverVersion: string
  /** What {@link summarise} said of the cluster that was lost. */
  readonly summary: string
}

/** Bytes of a segment. */
export const SEGMENT_BYTES = 16 * 2 ** 20
const SCALE = 20
const CLIENTS = 8
const BATCH_TRANSACTIONS = 500
const CHECKPOINT_EVERY_BYTES = 256 * 2 ** 20

/** Beside TPC-B, whose pages are blank in large part: rows that do not compress well, as those of applications. */
const INSERTS = `insert into notes (account, note)
  select (random() * 1000000)::int, md5(random()::text) || md5(random()::text) || md5(random()::text)
  from generate_series(1, 20);
`

/**
 * Lets pgbench make at least this many bytes of WAL, with a checkpoint after each quarter GiB, so that full-page images are
 * among it.
 */
export async function makeWalSample(bytes: number): Promise<WalSample> {
  const scratch = makeScratch('sample', 'server')
  try {
    return await make(scratch, bytes)
  } catch (error) {
    scratch.remove()
    throw error
  }
}

async function make(scratch: Scratch, bytes: number): Promise<WalSample> {
  const base = join(scratch.path, 'base')
  const walDirectory = join(scratch.path, 'wal')
  await mustRun('mkdir', [walDirectory], { cwd: '/', ...asUser(unprivilegedUser()) })
  await using cluster = await startCluster({
    version: 'debian',
    walSegmentSizeMb: 16,
    settings: {
      shared_buffers: '1GB',
      checkpoint_timeout: '1h',
      max_wal_size: '64GB',
      synchronous_commit: 'off',
      autovacuum: 'off',
    },
  })
  await pgbench(cluster, ['-i', '-q', '-s', String(SCALE)])
  await cluster.exec('create table notes (id bigserial primary key, account int, note text)')
  await cluster.exec('create index on notes (account)')
  await cluster.exec('select pg_switch_wal()')
  await cluster.exec('checkpoint')
  await cluster.stop()
  await copyDataDirectory(cluster.dataDirectory, base)
  for (const name of readdirSync(join(base, 'pg_wal')).filter(isSegment)) rmSync(join(base, 'pg_wal', name))

  cluster.configure({ wal_keep_size: '64GB' })
  await cluster.start()
  const first = await cluster.text('select pg_walfile_name(redo_lsn) from pg_control_checkpoint()')
  await makeTraffic(cluster, bytes)
  const summary = await summarise(cluster)
  await cluster.exec('select pg_switch_wal()')
  const absentSegment = await cluster.text('select pg_walfile_name(pg_current_wal_lsn() + 1)')
  const serverVersion = (await cluster.text('show server_version')).split(' ')[0] ?? ''
  const systemIdentifier = await cluster.text('select system_identifier::text from pg_control_system()')
  await cluster.stop('immediate') // nothing more is written
  const source = join(cluster.dataDirectory, 'pg_wal')
  const segments = readdirSync(source).filter((name) => isSegment(name) && name >= first && name < absentSegment)
  segments.sort()
  const paths = segments.map((name) => join(source, name))
  await mustRun('cp', ['--preserve=mode', ...paths, walDirectory], { cwd: '/', ...asUser(unprivilegedUser()) })
  return {
    base,
    walDirectory,
    segments,
    absentSegment,
    systemIdentifier,
    serverVersion,
    summary,
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  }
}

async function makeTraffic(cluster: PostgresCluster, bytes: number): Promise<void> {
  await using scratch = makeScratch('pgbench')
  const inserts = join(scratch.path, 'inserts.sql')
  writeFileSync(inserts, INSERTS)
  const mix = ['-b', 'tpcb-like@2', '-f', `${inserts}@1`, '-n', '-M', 'prepared']
  const load = ['-c', String(CLIENTS), '-j', '2', '-t', String(BATCH_TRANSACTIONS)]
  const start = await cluster.text('select pg_current_wal_lsn()')
  for (let written = 0, checkpointed = 0; written < bytes;) {
    await pgbench(cluster, [...mix, ...load])
    written = Number(await cluster.text('select pg_current_wal_lsn() - $1::pg_lsn', [start]))
    if (written - checkpointed >= CHECKPOINT_EVERY_BYTES) {
      await cluster.exec('checkpoint')
      checkpointed = written
    }
  }
}

async function pgbench(cluster: PostgresCluster, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runTool('pgbench', args, { env: cluster.clientEnvironment, deadlineMs: 600_000 })
  if (exitCode !== 0) throw new Error(`pgbench failed:\n${stderr}`)
}

/** What has to be the same in a cluster and in its recovery: numbers of rows and sums of all that the traffic changes. */
export async function summarise(cluster: PostgresCluster): Promise<string> {
  return await cluster.text(
    `select concat_ws(' ', (select count(*) from pgbench_history), (select sum(delta) from pgbench_history),
       (select sum(abalance) from pgbench_accounts), (select sum(bbalance) from pgbench_branches),
       (select count(*) from notes), (select sum(account) from notes))`,
  )
}

function isSegment(name: string): boolean {
  return /^[0-9A-F]{24}$/.test(name)
}
