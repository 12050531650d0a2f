import { closeSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toWalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { SmallFilesystem } from '../support/small-filesystem.ts'
import { waitFor } from '../support/wait-for.ts'
import { ReceivedWal } from './received-wal.ts'
import { createSlot, lastReportedFlush, standbyOf, startReceiver, untilFlushed, type Standby } from './receiver.ts'
import { writeWal } from './wal-load.ts'

const MIB = 1_048_576
/** The server ends a connection from which it hears nothing for so long. */
const TIMEOUT_MS = 3000
const settings = { wal_sender_timeout: `${TIMEOUT_MS}ms`, wal_keep_size: '1GB' }

describe.concurrent('a full disk', () => {
  it.each(['none', 'gzip:1'])(
    'keeps the connection, and is gone on with when there is room (%s)',
    async (compression) => {
      await using cluster = await startCluster({ version: 17, settings })
      await using disk = new SmallFilesystem(8)
      await createSlot(cluster)
      await using walr = startReceiver(cluster, disk.path, { args: [`--compress=${compression}`] })
      await untilFlushed(cluster)
      await writeWal(cluster, 25)
      await walr.waitForLine(/state: blocked \(no room in ".*"/)
      const blocked = await untilPastTimeout(cluster)
      disk.resize(100)
      await walr.waitForLine(/there is room again/)
      const end = await untilFlushed(cluster)
      expect((await standbyOf(cluster))?.pid, 'the same connection').toBe(blocked.pid)
      expect(await walr.stop()).toBe(0)
      await new ReceivedWal(cluster, disk.path, toWalSegmentSize(MIB)).prove(end)
    },
  )

  it.each([
    { compression: 'none', version: 18 as const },
    { compression: 'gzip:1', version: 15 as const },
  ])('that fills up in the middle of a segment is no different ($compression)', async ({ compression, version }) => {
    await using cluster = await startCluster({ version, walSegmentSizeMb: 16, settings })
    await using disk = new SmallFilesystem(64)
    const received = new ReceivedWal(cluster, disk.path, toWalSegmentSize(16 * MIB))
    await createSlot(cluster)
    const args = [`--compress=${compression}`]
    await using before = startReceiver(cluster, disk.path, { args })
    await untilFlushed(cluster)
    expect(await before.stop()).toBe(0)
    // An empty file is repaired with a hole, which takes room only as it is filled.
    if (compression === 'none') for (const name of await received.names()) truncateSync(join(disk.path, name))
    await using walr = startReceiver(cluster, disk.path, { args })
    await untilFlushed(cluster)
    const ballast = join(disk.path, 'ballast')
    await waitFor('no room', async () => {
      fill(ballast)
      await writeWal(cluster, 1)
      return walr.stderr.some((line) => /state: blocked \(no room in ".*": No space left on device/.test(line))
    })
    const blocked = await untilPastTimeout(cluster)
    rmSync(ballast)
    const end = await untilFlushed(cluster)
    expect((await standbyOf(cluster))?.pid, 'the same connection').toBe(blocked.pid)
    expect(await walr.stop()).toBe(0)
    await received.prove(end)
  })

  it('does not hold up the end of walr', async () => {
    await using cluster = await startCluster({ version: 16, settings })
    await using disk = new SmallFilesystem(8)
    await createSlot(cluster)
    await using walr = startReceiver(cluster, disk.path)
    await untilFlushed(cluster)
    await writeWal(cluster, 20)
    await walr.waitForLine(/state: blocked/)
    expect(await walr.stop()).toBe(0)
    const flushed = await lastReportedFlush(cluster)
    await new ReceivedWal(cluster, disk.path, toWalSegmentSize(MIB)).prove(flushed)
  })
})

/** Watches a blocked receiver for longer than the server waits for a silent one. */
async function untilPastTimeout(cluster: PostgresCluster): Promise<Standby> {
  // What was written before the disk was full is still flushed and reported.
  const settled = await nextReport(cluster, await nextReport(cluster, await presentStandby(cluster)))
  await waitFor(
    'status messages for longer than wal_sender_timeout',
    async () => {
      const now = await presentStandby(cluster)
      expect(now.pid, 'the connection is kept').toBe(settled.pid)
      expect(now.flushLsn, 'the flush position does not move').toBe(settled.flushLsn)
      return now.replyTimeMs > settled.replyTimeMs + 1.5 * TIMEOUT_MS
    },
    { intervalMs: 200 },
  )
  return settled
}

async function nextReport(cluster: PostgresCluster, { replyTimeMs }: Standby): Promise<Standby> {
  return waitFor('another status message', async () => {
    const now = await presentStandby(cluster)
    return now.replyTimeMs > replyTimeMs && now
  })
}

async function presentStandby(cluster: PostgresCluster): Promise<Standby> {
  const standby = await standbyOf(cluster)
  if (!standby) throw new Error('walr is not connected')
  return standby
}

/** Takes all the room that is left. */
function fill(path: string): void {
  const file = openSync(path, 'a')
  const chunk = Buffer.alloc(65_536)
  try {
    for (;;) writeSync(file, chunk)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' })
  } finally {
    closeSync(file)
  }
}
