import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'

// The system identifier and the timeline of a copy are those of the original: only its WAL tells the two apart.
const settings = { wal_keep_size: '1GB', autovacuum: 'off' }
const OTHER_HISTORY = /error: the server does not continue ".*": it has other WAL at 0\/[0-9A-F]+ \(timeline 1\)/
const receive = (directory: ReceivedDirectory, conninfo: string): readonly string[] => [
  ...['receive', '-D', directory.path, '-S', 'walr', '-d', conninfo],
]

/** A cluster with a slot, and a copy of it that has not been started. */
async function original(): Promise<{ cluster: PostgresCluster; copy: () => Promise<PostgresCluster> }> {
  const cluster = await startCluster({ version: 17, settings })
  await createSlot(cluster, 'walr')
  await finishSegments(cluster, 2)
  await cluster.stop()
  const copied = await startCluster({ version: 17, copyOf: cluster.dataDirectory, settings, start: false })
  await cluster.start()
  return {
    cluster,
    copy: async () => {
      await copied.start()
      return copied
    },
  }
}

/** Everything in the directory, but what walr keeps for itself. */
function contents(directory: ReceivedDirectory): Readonly<Record<string, string>> {
  const names = readdirSync(directory.path).filter((name) => name !== '.walr')
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory.path, name)).toString('base64')]))
}

it('is not written over: a copy of the server that is ahead is refused, and the directory stays as it is', async () => {
  const { cluster, copy } = await original()
  await using one = cluster
  await using directory = new ReceivedDirectory()
  {
    await using walr = startWalr(receive(directory, one.conninfo()))
    await directory.untilPresent(await finishSegments(one, 3))
    expect(await walr.stop()).toBe(0)
  }
  await using other = await copy()
  await finishSegments(other, 6)
  const before = contents(directory)
  await using walr = startWalr(receive(directory, other.conninfo()))
  expect(await walr.ended()).toBe(1)
  expect(walr.stderr.join('\n')).toMatch(OTHER_HISTORY)
  expect(contents(directory)).toEqual(before)
  // The one that it belongs to is gone on with as if nothing had happened.
  await using right = startWalr(receive(directory, one.conninfo()))
  await directory.untilPresent(await finishSegments(one, 1))
  expect(await right.stop()).toBe(0)
  for (const name of directory.segments) expect(directory.read(name).equals(serverSegment(one, name)), name).toBe(true)
})

it('is kept when the server comes back in an earlier state under a walr that runs', async () => {
  const { cluster, copy } = await original()
  await using one = cluster
  await using directory = new ReceivedDirectory()
  // The port of the second one answers when the first is gone.
  const started = await copy()
  await using other = started
  await other.stop()
  await using walr = startWalr(
    receive(directory, `host=127.0.0.1,127.0.0.1 port=${one.port},${other.port} user=postgres`),
  )
  await directory.untilPresent(await finishSegments(one, 1))
  await one.exec("select pg_logical_emit_message(true, 'walr', repeat('the only copy', 20000))")
  const lsn = await one.text('select pg_current_wal_flush_lsn()::text')
  await waitFor(
    'all of it is acknowledged',
    async () => (await one.text(`select flush_lsn >= '${lsn}'::pg_lsn from pg_stat_replication`)) === 'true',
  )
  await one.kill()
  const before = contents(directory)
  await other.start()
  await walr.waitForLine(/error: the server's WAL ends at 0\/[0-9A-F]+, and walr has it up to 0\/[0-9A-F]+ already/)
  expect(contents(directory)).toEqual(before)
  // It overtakes, and is seen to be another one.
  await finishSegments(other, 4)
  expect(await walr.ended()).toBe(1)
  expect(walr.stderr.join('\n')).toMatch(OTHER_HISTORY)
  expect(contents(directory)).toEqual(before)
})
