import { chmodSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { copyDataDirectory } from '../support/initialise-data-directory.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { walrCommandLine } from '../support/stage-for-user.ts'
import { unprivilegedUser } from '../support/unprivileged-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { createSlot, finishSegments } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'

const VERSION = 15

/** A cold copy of a cluster that was lost afterwards, and all the WAL that walr has received from it. */
interface Loss extends AsyncDisposable {
  readonly copy: string
  readonly received: ReceivedDirectory
  /** The segments that hold row 1, 2, 3... */
  readonly segmentOfRow: readonly string[]
}

it('brings every row back from finished segments and the open one', async () => {
  await using loss = await loseCluster()
  await using server = await recover(loss)
  await untilPromoted(server)
  expect(await rows(server)).toEqual([1, 2, 3, 4])
})

it.each([
  ['is gone', (path: string) => `mv "${path}" "${path}.away"`, (path: string) => renameSync(`${path}.away`, path)],
  ['cannot be read', (path: string) => `chmod 0 "${path}"`, (path: string) => chmodSync(path, 0o700)],
])('stops PostgreSQL with FATAL when the directory %s in the middle of recovery', async (_, breakIt, repairIt) => {
  await using loss = await loseCluster()
  const { path } = loss.received
  const marker = `${path}.broken`
  const wanted = loss.segmentOfRow[2] ?? ''
  const outage = `if [ %f = ${wanted} ] && [ ! -e "${marker}" ]; then touch "${marker}"; ${breakIt(path)}; fi; `
  await using server = await recover(loss, outage)
  expect(await server.ended()).not.toBe(0)
  expect(server.log).toMatch(/FATAL: +could not restore file "[0-9A-F]{24}" from archive/)
  expect(readdirSync(join(server.dataDirectory, 'pg_wal')).filter((name) => name.endsWith('.history'))).toEqual([])

  repairIt(path)
  rmSync(marker)
  writeFileSync(marker, '')
  await server.start()
  await untilPromoted(server)
  expect(await rows(server)).toEqual([1, 2, 3, 4])
  rmSync(marker)
})

it('stops PostgreSQL with FATAL at a damaged segment instead of ending recovery there', async () => {
  await using loss = await loseCluster()
  const damaged = join(loss.received.path, loss.segmentOfRow[2] ?? '')
  writeFileSync(damaged, Buffer.alloc(1_048_576))
  await using server = await recover(loss)
  expect(await server.ended()).not.toBe(0)
  expect(server.log).toContain('FATAL')
  expect(server.log).not.toContain('archive recovery complete')
})

it('takes a missing segment as the end of WAL', async () => {
  await using loss = await loseCluster()
  const missing = loss.segmentOfRow[2] ?? ''
  for (const name of loss.received.names) if (name >= missing) rmSync(join(loss.received.path, name))
  await using server = await recover(loss)
  await untilPromoted(server)
  expect(await rows(server)).toEqual([1, 2])
  expect(server.log).toContain('archive recovery complete')
})

/** Inserts four rows, each in a segment of its own; the last one stays open. The server is killed, its directory deleted. */
async function loseCluster(): Promise<Loss> {
  const scratch: Scratch = makeScratch('copy', 'server')
  const received = new ReceivedDirectory()
  const copy = join(scratch.path, 'data')
  await using server = await startCluster({ version: VERSION, start: false })
  await copyDataDirectory(server.dataDirectory, copy)
  await server.start()
  await createSlot(server, 'ours')
  const user = unprivilegedUser()
  const args = ['receive', '-D', received.path, '-S', 'ours', '-d', server.conninfo()]
  await using walr = startWalr(args, { ...(user ? { user } : {}), env: { PGAPPNAME: 'walr' } })
  await server.exec('create table rows (number int)')
  const segmentOfRow: string[] = []
  for (let number = 1; number <= 4; number++) {
    segmentOfRow.push(await server.text('select pg_walfile_name(pg_current_wal_insert_lsn())'))
    await server.exec('insert into rows values ($1)', [number])
    if (number < 4) await finishSegments(server, 1)
  }
  const target = await server.text('select pg_current_wal_flush_lsn()')
  await waitFor(`walr has flushed ${target}`, async () => {
    const found = await server.exec(`select 1 from pg_stat_replication where flush_lsn >= $1::pg_lsn`, [target])
    return found.length === 1
  })
  await server.kill()
  expect(await walr.stop()).toBe(0)
  return {
    copy,
    received,
    segmentOfRow,
    [Symbol.asyncDispose]: async () => {
      scratch.remove()
      await received[Symbol.asyncDispose]()
    },
  }
}

/** Starts recovery of the cold copy; `before` is shell text that runs before walr at every call. */
async function recover(loss: Loss, before = ''): Promise<PostgresCluster> {
  const server = await startCluster({
    version: VERSION,
    copyOf: loss.copy,
    signalFiles: ['recovery.signal'],
    settings: { restore_command: `${before}${walrCommandLine(`restore-command -D "${loss.received.path}" %f %p`)}` },
    start: false,
  })
  await server.start({ untilReady: false })
  return server
}

async function untilPromoted(server: PostgresCluster): Promise<void> {
  const promoted = async (): Promise<boolean> => (await server.text('select pg_is_in_recovery()')) === 'false'
  await waitFor('the end of recovery', promoted, { deadlineMs: 60_000 }).catch((error: unknown) => {
    throw new Error(`recovery does not end; the server's log:\n${server.log}`, { cause: error })
  })
  expect(existsSync(join(server.dataDirectory, 'recovery.signal'))).toBe(false)
}

async function rows(server: PostgresCluster): Promise<readonly unknown[]> {
  const found = await server.exec('select number from rows order by number')
  return found.map((row) => row['number'])
}
