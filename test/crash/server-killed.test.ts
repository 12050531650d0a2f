import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { toWalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { ReceivedWal } from './received-wal.ts'
import { createSlot, startReceiver, untilFlushed } from './receiver.ts'

const SEGMENT = toWalSegmentSize(1_048_576)

describe('kill -9 of the server', () => {
  it('loses no commit that was acknowledged, and walr comes back by itself', async () => {
    await using cluster = await startCluster({
      version: 17,
      settings: { wal_keep_size: '4GB', synchronous_standby_names: 'walr', synchronous_commit: 'local' },
    })
    await using scratch = makeScratch('server-killed')
    const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
    await createSlot(cluster)
    await cluster.exec('create table acked (marker text)')
    await using walr = startReceiver(cluster, scratch.path)
    const acknowledged: string[] = []
    for (let kill = 0; kill < 3; kill++) {
      await untilSynchronous(cluster)
      const clients = [1, 2, 3, 4].map((client) => commitUntilKilled(cluster, `${kill}-${client}`, acknowledged))
      const before = acknowledged.length
      await waitFor('commits', () => acknowledged.length > before + 300)
      const linesBefore = walr.stderr.length
      await cluster.kill()
      await Promise.all(clients)
      await walr.waitForLine(/disconnected; waiting/, { from: linesBefore })
      const wal = await allWal(received)
      const missing = acknowledged.filter((marker) => !wal.includes(marker))
      expect(missing).toEqual([])
      await cluster.start()
    }
    expect(walr.isRunning).toBe(true)
    const end = await untilFlushed(cluster)
    expect(await walr.stop()).toBe(0)
    await received.prove(end)
  })
})

async function untilSynchronous(cluster: PostgresCluster): Promise<void> {
  const sql = `select count(*) from pg_stat_replication where sync_state = 'sync' and state = 'streaming'`
  await waitFor('walr is the synchronous standby', async () => (await cluster.text(sql)) === '1')
}

/** Commits rows one by one; puts the marker of each into `acknowledged` when the server has said that it is committed. */
async function commitUntilKilled(cluster: PostgresCluster, name: string, acknowledged: string[]): Promise<void> {
  const { socketDirectory: host, port, superuser: user } = cluster
  const client = new pg.Client({ host, port, user, database: 'postgres' })
  client.on('error', () => undefined)
  await client.connect()
  await client.query('set synchronous_commit = on')
  try {
    for (let row = 0; ; row++) {
      const marker = `<${name}-${row}>`
      // Twice in a row of its own, with something between: a page's edge cuts at most one of them.
      await client.query('insert into acked values ($1)', [`${marker}${'-'.repeat(100)}${marker}`])
      acknowledged.push(marker)
    }
  } catch {
    // the server was killed
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function allWal(received: ReceivedWal): Promise<Buffer> {
  const segments: Buffer[] = []
  for (const entry of await received.entries()) segments.push(await received.read(entry))
  return Buffer.concat(segments)
}
