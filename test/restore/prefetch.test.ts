import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { copyDataDirectory } from '../support/initialise-data-directory.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { isAlive } from '../support/process-table.ts'
import { runProgram } from '../support/run-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { reachableWalr } from '../support/stage-for-user.ts'
import { promote } from '../support/standby.ts'
import { asUser, unprivilegedUser } from '../support/unprivileged-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { createSlot, finishSegments } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'

const SEGMENT_COUNT = 40

let scratch: Scratch
/** A cold copy of a cluster that was lost afterwards. */
let copy: string
/** What walr has received of it and archived. */
let config: string
/** The segments that hold row 1, 2, 3... */
const segmentOfRow: string[] = []

beforeAll(async () => {
  scratch = makeScratch('prefetch', 'server')
  copy = join(scratch.path, 'copy')
  await using server = await startCluster({ version: 17, start: false })
  await copyDataDirectory(server.dataDirectory, copy)
  await server.start()
  await createSlot(server, 'walr')
  config = configure('lost', server)
  await using walr = receive()
  await server.exec('create table rows (number int)')
  for (let number = 1; number <= SEGMENT_COUNT; number++) {
    segmentOfRow.push(await server.text('select pg_walfile_name(pg_current_wal_insert_lsn())'))
    await server.exec('insert into rows values ($1)', [number])
    await finishSegments(server, 1)
  }
  await untilArchived('lost', segmentOfRow.at(-1) ?? '')
  await server.kill()
  expect(await walr.stop()).toBe(0)
})
afterAll(() => scratch.remove())

it('recovers with most segments delivered by the shell, and leaves nothing when PostgreSQL ends', async () => {
  const calls = join(scratch.path, 'calls')
  await using server = await recover({ node: countingNode(calls) })
  await untilRecovered(server)
  const restored = [...server.log.matchAll(/restored log file "([0-9A-F]{24})"/g)].map(([, name]) => name)
  const byNode = readFileSync(calls, 'utf8')
    .split('\n')
    .filter((line) => / [0-9A-F]{24} pg_wal/.test(line))
  expect(restored.length).toBeGreaterThanOrEqual(SEGMENT_COUNT)
  expect(byNode.length).toBeLessThan(restored.length / 2)

  const prefetcher = await waitFor('the prefetcher is there', () => prefetcherOf(server))
  expect(readdirSync(join(server.dataDirectory, 'pg_stat_tmp')).filter((name) => name.startsWith('walr'))).toHaveLength(
    1,
  )
  await server.stop()
  await waitFor('the prefetcher has ended', () => !isAlive(prefetcher))
  expect(existsSync(join(server.dataDirectory, 'pg_wal/.walr'))).toBe(false)
  expect(readdirSync(join(server.dataDirectory, 'pg_stat_tmp'))).toEqual([])
})

it('recovers all rows when the prefetcher is killed again and again', async () => {
  const killed = join(scratch.path, 'killed')
  const lock = 'pg_wal/.walr/*/.walr/lock.owner'
  const kill = script(
    'kill',
    `p=$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' ${lock}); kill -9 $p && echo $p >>"${killed}"`,
  )
  const victims = [10, 11, 20, 30].map((row) => segmentOfRow[row - 1]).join('|')
  await using server = await recover({ before: `case %f in ${victims}) "${kill}";; esac; ` })
  await untilRecovered(server)
  expect(new Set(readFileSync(killed, 'utf8').trim().split('\n')).size).toBeGreaterThanOrEqual(2)
})

it('keeps from PostgreSQL neither its shutdown nor its descriptors', async () => {
  await using server = await recover({ settings: { logging_collector: 'on', log_directory: 'log' } })
  const prefetcher = await waitFor('the prefetcher is there', () => prefetcherOf(server))
  const links = (await runProgram('sh', ['-c', `ls -l /proc/${prefetcher}/fd | sed 's/.* //'`])).stdout.split('\n')
  const own = [join(server.dataDirectory, 'pg_wal/.walr')]
  const inherited = links.filter((link) => link.startsWith(server.dataDirectory) && !link.startsWith(own[0] ?? ''))
  expect(inherited).toEqual([])
  const began = performance.now()
  await server.stop('fast')
  expect(performance.now() - began).toBeLessThan(10_000)
  await waitFor('the prefetcher has ended', () => !isAlive(prefetcher))
})

it('sees what is archived a moment later, and is no burden to pg_rewind on either side', async () => {
  await using primary = await startCluster({ version: 'debian', start: false, settings: { wal_log_hints: 'on' } })
  const standbyCopy = join(scratch.path, 'standby')
  await copyDataDirectory(primary.dataDirectory, standbyCopy)
  await primary.start()
  await createSlot(primary, 'walr')
  config = configure('rewound', primary)
  await using walr = receive()
  await primary.exec('create table rows (number int)')
  await finishSegments(primary, 3)
  await using standby = await recover({ copyOf: standbyCopy, version: 'debian', signal: 'standby.signal' })
  const prefetcher = await waitFor('the prefetcher is there', () => prefetcherOf(standby))
  for (let number = 1; number <= 3; number++) {
    await primary.exec('insert into rows values ($1)', [number])
    await finishSegments(primary, 1)
    await waitFor(`row ${number} is on the standby`, async () => (await rows(standby)).includes(number))
  }
  expect(prefetcherOf(standby)).toBe(prefetcher)

  await promote(standby)
  await standby.exec('checkpoint')
  // The old primary goes on, and has no more of the WAL that leads back to where they parted.
  await primary.exec('insert into rows values (1000)')
  const last = await finishSegments(primary, 3)
  await untilArchived('rewound', last)
  await primary.exec('checkpoint')
  await primary.stop()
  expect(await walr.stop()).toBe(0)
  const walDirectory = join(primary.dataDirectory, 'pg_wal')
  for (const name of readdirSync(walDirectory))
    if (/^[0-9A-F]{24}$/.test(name) && name <= last) rmSync(join(walDirectory, name))
  primary.configure({ restore_command: restoreCommand({}) })
  expect(prefetcherOf(standby)).toBe(prefetcher)
  const source = standby.conninfo({ dbname: 'postgres' })
  const args = ['-D', primary.dataDirectory, '--source-server', source, '--restore-target-wal']
  const { exitCode, stderr } = await runProgram(join(primary.binDirectory, 'pg_rewind'), args, {
    cwd: '/',
    ...asUser(unprivilegedUser()),
  })
  expect(stderr).toContain('Done!')
  expect(exitCode).toBe(0)
  // Nothing of its own: at most what it has copied from the source.
  const left = join(walDirectory, '.walr')
  const copied = readdirSync(join(standby.dataDirectory, 'pg_wal/.walr'))
  for (const name of existsSync(left) ? readdirSync(left) : []) expect(copied).toContain(name)
})

interface RecoveryOptions {
  /** In place of Node. */
  readonly node?: string
  /** Shell text that runs before walr at every call. */
  readonly before?: string
  readonly settings?: Readonly<Record<string, string>>
  readonly copyOf?: string
  readonly version?: 17 | 'debian'
  readonly signal?: string
}

async function recover(options: RecoveryOptions): Promise<PostgresCluster> {
  const { copyOf = copy, version = 17, signal = 'recovery.signal', settings } = options
  const server = await startCluster({
    version,
    copyOf,
    signalFiles: [signal],
    settings: { restore_command: restoreCommand(options), wal_retrieve_retry_interval: '200ms', ...settings },
    start: false,
  })
  await server.start({ untilReady: false })
  return server
}

function restoreCommand({ node, before = '' }: RecoveryOptions): string {
  const { nodePath, walrPath } = reachableWalr()
  return `${before}WALR_NODE="${node ?? nodePath}" "${walrPath}" restore-command --config "${config}" %f %p`
}

async function untilRecovered(server: PostgresCluster): Promise<void> {
  const promoted = async (): Promise<boolean> => (await server.text('select pg_is_in_recovery()')) === 'false'
  await waitFor('the end of recovery', promoted).catch((error: unknown) => {
    throw new Error(`recovery does not end; the server's log:\n${server.log}`, { cause: error })
  })
  expect(await rows(server)).toEqual(Array.from({ length: SEGMENT_COUNT }, (_, index) => index + 1))
}

async function rows(server: PostgresCluster): Promise<readonly unknown[]> {
  return (await server.exec('select number from rows order by number')).map((row) => row['number'])
}

/** The process id of the prefetcher of a server's recovery. */
function prefetcherOf(server: PostgresCluster): number | undefined {
  const folder = join(server.dataDirectory, 'pg_wal/.walr')
  for (const name of readdirSync(folder)) {
    if (!existsSync(join(folder, name, 'arguments'))) continue
    const owner: unknown = JSON.parse(readFileSync(join(folder, name, '.walr/lock.owner'), 'utf8'))
    if (typeof owner === 'object' && owner !== null && 'pid' in owner) return Number(owner.pid)
  }
  return undefined
}

/** A Node that writes down how it is called. */
function countingNode(calls: string): string {
  return script('node', `echo "$@" >>"${calls}"\nexec "${reachableWalr().nodePath}" "$@"`)
}

function script(name: string, body: string): string {
  const path = join(scratch.path, name)
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}

/** The configuration for a receive directory and an archive, all in one folder that the server's user can use. */
function configure(name: string, server: PostgresCluster): string {
  const folder = join(scratch.path, name)
  for (const path of [folder, join(folder, 'receive'), join(folder, 'archive')]) {
    mkdirSync(path)
    chmodSync(path, 0o777)
  }
  const path = join(folder, 'walr.config.yaml')
  const lines = [
    `connection: "${server.conninfo()}"`,
    'receive: { directory: receive, slot: walr }',
    'archive: { storage: { use: local, path: archive } }',
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

function receive(): ReturnType<typeof startWalr> {
  const user = unprivilegedUser()
  return startWalr(['receive', '--config', config], user ? { user } : {})
}

async function untilArchived(name: string, segment: string): Promise<void> {
  await waitFor(`${segment} is archived`, () =>
    readdirSync(join(scratch.path, name, 'archive'), { recursive: true, encoding: 'utf8' }).some((path) =>
      path.includes(segment),
    ),
  )
}
