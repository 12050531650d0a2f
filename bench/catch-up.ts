import { createHash } from 'node:crypto'
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { startCluster, type PostgresCluster } from '../test/support/postgres-cluster.ts'
import { mustRun } from '../test/support/run-program.ts'
import { makeScratch } from '../test/support/scratch.ts'
import { environmentFor, type Contestant } from './contestants.ts'
import { makeWal } from './make-wal.ts'
import { measure, type Usage } from './measured-run.ts'
import { alternate, type Pair } from './statistics.ts'

/** Results of receiving the same range of WAL by both contestants. */
export interface CatchUpResult {
  readonly bytes: number
  readonly pairs: readonly Pair<Usage>[]
}

/** What is measured, and how often. */
export interface CatchUpOptions {
  readonly base: Contestant
  readonly subject: Contestant
  readonly pairs: number
  /** Bytes of WAL. */
  readonly bytes: number
  readonly say: (line: string) => void
}

/**
 * Both contestants receive the same finished WAL from a slot of their own into an empty directory, with fsync, until the
 * same end position. Before each run everything is synced and the server's WAL is read once, so that it comes from memory.
 */
export async function benchCatchUp({ base, subject, pairs, bytes, say }: CatchUpOptions): Promise<CatchUpResult> {
  await using cluster = await startCluster({
    version: 'debian',
    durable: true,
    walSegmentSizeMb: 16,
    settings: { max_wal_size: '64GB', checkpoint_timeout: '1h', shared_buffers: '512MB', autovacuum: 'off' },
  })
  await cluster.exec(`select pg_create_physical_replication_slot('origin', true)`)
  const startSegment = await cluster.text(`select pg_walfile_name(restart_lsn) from pg_replication_slots`)
  say(`Making ${(bytes / 2 ** 30).toFixed(2)} GiB of WAL.`)
  await makeWal(cluster, bytes)
  const endLsn = await cluster.text('select pg_current_wal_flush_lsn()')
  await cluster.exec('select pg_switch_wal()') // there has to be WAL after the end position
  await cluster.exec('create table after_the_end ()')
  const range = await rangeBytes(cluster, endLsn)
  let runs = 0
  const receive = async (contestant: Contestant): Promise<Usage> => {
    const slot = `run_${++runs}`
    await cluster.exec(`select pg_copy_physical_replication_slot('origin', $1)`, [slot])
    await settle(cluster)
    await using scratch = makeScratch('bench')
    const options = ['-D', scratch.path, '--slot', slot, '--endpos', endLsn, '--no-loop']
    const usage = await measure(contestant.program, [...contestant.args, ...options], environmentFor(cluster))
    await compareFinishedSegments(scratch.path, join(cluster.dataDirectory, 'pg_wal'), startSegment)
    await cluster.exec(`select pg_drop_replication_slot($1)`, [slot])
    say(
      `${contestant.name}: ${(range / usage.wallSeconds / 1e6).toFixed(0)} MB/s, ${usage.cpuSeconds.toFixed(2)} s CPU`,
    )
    return usage
  }
  const results = await alternate(
    pairs,
    () => receive(base),
    () => receive(subject),
  )
  return { bytes: range, pairs: results }
}

async function rangeBytes(cluster: PostgresCluster, endLsn: string): Promise<number> {
  return Number(
    await cluster.text(`select $1::pg_lsn - restart_lsn from pg_replication_slots where slot_name = 'origin'`, [
      endLsn,
    ]),
  )
}

async function settle(cluster: PostgresCluster): Promise<void> {
  await mustRun('sync', [])
  const directory = join(cluster.dataDirectory, 'pg_wal')
  for (const name of readdirSync(directory).filter((entry) => /^[0-9A-F]{24}$/.test(entry))) {
    await createReadStream(join(directory, name), { highWaterMark: 2 ** 20 }).forEach(() => undefined)
  }
}

/** Every finished segment has to be there, from the first on, with the server's own bytes. */
async function compareFinishedSegments(received: string, original: string, startSegment: string): Promise<void> {
  const names = readdirSync(received)
    .filter((entry) => /^[0-9A-F]{24}$/.test(entry))
    .sort()
  if (names[0] !== startSegment) throw new Error(`the first segment is ${names[0] ?? 'missing'}, not ${startSegment}`)
  for (const name of names) {
    const [ours, theirs] = [await digest(join(received, name)), await digest(join(original, name))]
    if (ours !== theirs) throw new Error(`${name} differs from the server's`)
  }
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha1')
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash)
  return hash.digest('hex')
}
