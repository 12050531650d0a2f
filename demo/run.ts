import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { copyDataDirectory } from '../test/support/initialise-data-directory.ts'
import { startCluster, type PostgresCluster } from '../test/support/postgres-cluster.ts'
import type { RunningProgram } from '../test/support/running-program.ts'
import { makeScratch } from '../test/support/scratch.ts'
import { walrCommandLine } from '../test/support/stage-for-user.ts'
import { unprivilegedUser } from '../test/support/unprivileged-user.ts'
import { waitFor } from '../test/support/wait-for.ts'
import { runWalr, startWalr } from '../test/support/walr-process.ts'
import { CommitLoad, type CommitRecord } from './commit-load.ts'
import { count, say } from './narrator.ts'

// `npm run demo`: a server with walr as its synchronous standby dies for good, and every acknowledged commit comes back

const VERSION = 18
const SLOT = 'walr'
const CLIENTS = 8
const COMMITS = 5000
const BULK_ROWS = 250_000

process.on('SIGINT', () => process.exit(130)) // what was started and made is ended and removed at exit
process.on('SIGTERM', () => process.exit(143))

async function demo(): Promise<void> {
  await using backup = makeScratch('backup', 'server')
  await using received = makeScratch('received', 'server')
  const record = await loseAServer(join(backup.path, 'data'), received.path)
  await recover(join(backup.path, 'data'), received.path, record)
}

/** Runs a server with walr beside it until it is killed and its data directory is gone. */
async function loseAServer(backupDirectory: string, receiveDirectory: string): Promise<CommitRecord> {
  say(`Making a PostgreSQL ${VERSION} cluster with data checksums and fsync on.`)
  const settings = { synchronous_commit: 'on', max_wal_size: '4GB' }
  const kind = {
    version: VERSION,
    durable: true,
    walSegmentSizeMb: 16,
    initdbArgs: ['--data-checksums'],
    start: false,
    settings,
  } as const
  await using server = await startCluster(kind)
  await copyDataDirectory(server.dataDirectory, backupDirectory)
  say('Copied its data directory, cold. That copy is the only backup.')
  await server.start()
  say(`Started the server on port ${server.port}.`)

  await using walr = await startReceiving(server, receiveDirectory)
  await server.exec(`alter system set synchronous_standby_names = 'walr'`)
  server.reload()
  await waitForStandby(server)
  say('walr receives, and is the synchronous standby: no commit returns before walr has it on disk.')

  await server.exec(`create table payment (number int primary key, note text not null)`)
  await server.exec(`create table bulk as select n, md5(n::text) as text from generate_series(1, ${BULK_ROWS}) as n`)
  say(`Loaded ${count(BULK_ROWS)} rows in one transaction.`)
  const record = await commitUntilKilled(server)
  server.removeDataDirectory()
  say('The data directory is deleted. What is left: the cold copy and what walr received.')

  const exit = await walr.stop('SIGTERM')
  if (exit !== 0) throw new Error(`walr ended with ${exit}:\n${walr.stderr.join('\n')}`)
  say('Stopped walr.')
  return record
}

async function startReceiving(server: PostgresCluster, directory: string): Promise<RunningProgram> {
  const user = unprivilegedUser()
  const options = { ...(user ? { user } : {}), env: { PGAPPNAME: 'walr' } }
  const connection = ['--slot', SLOT, '-d', server.conninfo()]
  const created = await runWalr(['receive', '--create-slot', ...connection], options)
  if (created.exitCode !== 0) throw new Error(`walr could not create the slot:\n${created.stderr}`)
  return startWalr(['receive', '-D', directory, '--synchronous', '--verbose', ...connection], options)
}

async function waitForStandby(server: PostgresCluster): Promise<void> {
  await waitFor('walr is the synchronous standby', async () => {
    const rows = await server.exec(
      `select 1 from pg_stat_replication where sync_state = 'sync' and state = 'streaming'`,
    )
    return rows.length === 1
  })
}

async function commitUntilKilled(server: PostgresCluster): Promise<CommitRecord> {
  const load = new CommitLoad()
  const from = performance.now()
  const { host, port, superuser: user } = server
  await load.begin({ host, port, user, database: 'postgres' }, CLIENTS)
  say(`${CLIENTS} clients commit one row after the other.`)
  await waitFor('the commits', () => load.acknowledgedCount >= COMMITS, { deadlineMs: 30_000, intervalMs: 5 })
  await server.kill()
  const record = await load.lost()
  const rate = record.acknowledged.size / ((performance.now() - from) / 1000)
  say(
    `kill -9 of the server under load, after ${count(record.acknowledged.size)} commits (${count(Math.round(rate))} a second).`,
  )
  say(`The last row a client was told is safe: number ${count(record.lastAcknowledged)}.`)
  return record
}

/** Brings the cold copy up to the last received byte and compares it with what clients were promised. */
async function recover(backupDirectory: string, receiveDirectory: string, record: CommitRecord): Promise<void> {
  const command = walrCommandLine(`restore-command -D "${receiveDirectory}" %f %p`)
  say('Recovering from the cold copy with restore_command = walr restore-command.')
  const from = performance.now()
  await using server = await startCluster({
    version: VERSION,
    durable: true,
    copyOf: backupDirectory,
    signalFiles: ['recovery.signal'],
    settings: { restore_command: command, recovery_target_action: 'promote' },
  })
  const promoted = async (): Promise<boolean> => (await server.text('select pg_is_in_recovery()')) === 'false'
  await waitFor('the end of recovery', promoted, { deadlineMs: 40_000 })
  const replayed = await server.text(`select pg_size_pretty(pg_current_wal_lsn() - '0/0'::pg_lsn)`)
  say(`The server is up again, at WAL position ${replayed}, after ${((performance.now() - from) / 1000).toFixed(1)} s.`)
  await verify(server, record)
}

async function verify(
  server: PostgresCluster,
  { acknowledged, lastAcknowledged, unanswered }: CommitRecord,
): Promise<void> {
  const rows = await server.exec('select number from payment')
  const present = new Set(rows.map((row) => Number(row['number'])))
  const missing = [...acknowledged].filter((number) => !present.has(number))
  const unexpected = [...present].filter((number) => !acknowledged.has(number) && !unanswered.has(number))
  const bulk = Number(await server.text('select count(*) from bulk'))
  const inFlight = [...unanswered].filter((number) => present.has(number)).length
  if (missing.length > 0 || unexpected.length > 0 || bulk !== BULK_ROWS || !present.has(lastAcknowledged)) {
    throw new Error(
      `${missing.length} acknowledged commits are missing, ${unexpected.length} rows were never written, ` +
        `${bulk} of ${BULK_ROWS} bulk rows are there`,
    )
  }
  say(`Row ${count(lastAcknowledged)}, the last one acknowledged, is there.`)
  say(`Acknowledged ${count(acknowledged.size)}, recovered ${count(acknowledged.size)} of them, lost 0.`)
  say(
    `Of ${unanswered.size} commits that were under way at the kill, ${inFlight} had reached walr and are there as well.`,
  )
}

if (!existsSync(join(import.meta.dirname, '../packages/core/dist'))) {
  console.error('walr is not built: run npm ci (or npm run build) first')
  process.exit(1)
}
try {
  await demo()
  say('Done. Nothing is left behind.')
} catch (error) {
  console.error(error instanceof SuppressedError ? [error.error, error.suppressed] : error)
  process.exitCode = 1
}
