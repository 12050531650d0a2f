import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnvironment } from '../test/support/clean-environment.ts'
import { findClientProgram } from '../test/support/postgres-binaries.ts'
import { startCluster, type PostgresCluster } from '../test/support/postgres-cluster.ts'
import { mustRun } from '../test/support/run-program.ts'
import { RunningProgram } from '../test/support/running-program.ts'
import { makeScratch } from '../test/support/scratch.ts'
import { waitFor } from '../test/support/wait-for.ts'
import { environmentFor, type Contestant } from './contestants.ts'
import { usageOf } from './measured-run.ts'
import { alternate, mean, percentile, type Pair } from './statistics.ts'

/** Commits with one of the contestants as the synchronous standby. */
export interface CommitFigures {
  readonly perSecond: number
  readonly averageMs: number
  readonly p95Ms: number
  /** CPU seconds of the receiver for a thousand commits, without its start. */
  readonly cpuSecondsPerThousand: number
  readonly peakRssBytes: number
}

/** All pairs at one number of clients. */
export interface SyncCommitResult {
  readonly clients: number
  readonly pairs: readonly Pair<CommitFigures>[]
}

/** What is measured, and how long. */
export interface SyncCommitOptions {
  readonly base: Contestant
  readonly subject: Contestant
  readonly pairs: number
  /** Seconds of one measurement. */
  readonly seconds: number
  readonly say: (line: string) => void
}

const CLIENT_COUNTS = [1, 8, 32] as const
/** The same load before each measurement, for both. */
const WARM_UP_SECONDS = 5
const SCRIPT = `insert into commit_load (note) values (repeat('x', 100));\n`

/** One-row inserts by pgbench, each a transaction that waits for the receiver's flush; see {@link CLIENT_COUNTS}. */
export async function benchSyncCommits(options: SyncCommitOptions): Promise<readonly SyncCommitResult[]> {
  await using cluster = await startCluster({
    version: 'debian',
    durable: true,
    walSegmentSizeMb: 16,
    settings: { max_wal_size: '16GB', checkpoint_timeout: '1h', shared_buffers: '256MB', autovacuum: 'off' },
  })
  await cluster.exec('create table commit_load (id bigserial primary key, note text)')
  const results: SyncCommitResult[] = []
  for (const clients of CLIENT_COUNTS) {
    const run = (contestant: Contestant): Promise<CommitFigures> => runOnce(cluster, contestant, clients, options)
    const { base, subject } = options
    const pairs = await alternate(
      options.pairs,
      () => run(base),
      () => run(subject),
    )
    results.push({ clients, pairs })
  }
  return results
}

async function runOnce(
  cluster: PostgresCluster,
  contestant: Contestant,
  clients: number,
  { seconds, say }: SyncCommitOptions,
): Promise<CommitFigures> {
  await cluster.exec('truncate commit_load')
  await cluster.exec('checkpoint')
  await cluster.exec(`select pg_create_physical_replication_slot('bench', true)`)
  await mustRun('sync', [])
  await using scratch = makeScratch('bench')
  const startedAtMs = performance.now()
  {
    const args = [...contestant.args, '-D', scratch.path, '--slot', 'bench', '--synchronous', '--no-loop']
    await using receiver = new RunningProgram(contestant.program, args, {
      env: environmentFor(cluster, { PGAPPNAME: 'bench', ...contestant.environment?.() }),
    })
    await makeSynchronous(cluster)
    // A receiver runs for months: what is compared is not how fast a runtime warms up.
    await pgbench(cluster, clients, WARM_UP_SECONDS)
    const before = usageOf(receiver.pid, startedAtMs)
    const latencies = await pgbench(cluster, clients, seconds)
    const usage = usageOf(receiver.pid, startedAtMs)
    await stopBeingSynchronous(cluster)
    await receiver.stop('SIGINT')
    await cluster.exec(`select pg_drop_replication_slot('bench')`)
    const figures = {
      perSecond: latencies.length / seconds,
      averageMs: mean(latencies),
      p95Ms: percentile(latencies, 0.95),
      cpuSecondsPerThousand: ((usage.cpuSeconds - before.cpuSeconds) / latencies.length) * 1000,
      peakRssBytes: usage.peakRssBytes,
    }
    say(
      `${contestant.name}, ${clients} clients: ${figures.perSecond.toFixed(0)} commits/s, p95 ${figures.p95Ms.toFixed(2)} ms`,
    )
    return figures
  }
}

async function makeSynchronous(cluster: PostgresCluster): Promise<void> {
  await cluster.exec(`alter system set synchronous_standby_names = 'bench'`)
  cluster.reload()
  await waitFor('the receiver is the synchronous standby', async () => {
    const rows = await cluster.exec(
      `select 1 from pg_stat_replication where sync_state = 'sync' and state = 'streaming'`,
    )
    return rows.length === 1
  })
}

async function stopBeingSynchronous(cluster: PostgresCluster): Promise<void> {
  await cluster.exec('alter system reset synchronous_standby_names')
  cluster.reload()
  await waitFor('no synchronous standby', async () => (await cluster.text('show synchronous_standby_names')) === '')
}

/** @returns milliseconds that each transaction took. */
async function pgbench(cluster: PostgresCluster, clients: number, seconds: number): Promise<readonly number[]> {
  const program = findClientProgram('pgbench')
  if (program === undefined) throw new Error('pgbench is not installed: run npm test as root, or install postgresql')
  await using scratch = makeScratch('pgbench')
  const script = join(scratch.path, 'script.sql')
  writeFileSync(script, SCRIPT)
  const threads = Math.min(clients, 2)
  const numbers = ['-c', String(clients), '-j', String(threads), '-T', String(seconds)]
  await mustRun(program, ['-n', '-M', 'prepared', ...numbers, '-f', script, '-l', '--log-prefix=times', 'postgres'], {
    cwd: scratch.path,
    env: cleanEnvironment(cluster.clientEnvironment),
    deadlineMs: (seconds + 60) * 1000,
  })
  // one line a transaction: client, number, microseconds, script, second and microsecond of its end
  return readdirSync(scratch.path)
    .filter((name) => name.startsWith('times'))
    .flatMap((name) => readFileSync(join(scratch.path, name), 'utf8').trim().split('\n'))
    .map((line) => Number(line.split(' ')[2]) / 1000)
}
