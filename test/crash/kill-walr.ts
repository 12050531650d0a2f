import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { toWalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import type { PostgresVersion } from '../support/postgres-binaries.ts'
import { makeScratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { ReceivedWal } from './received-wal.ts'
import { createSlot, lastReportedFlush, standbyOf, startReceiver, untilFlushed } from './receiver.ts'
import { SeededRandom } from './seeded-random.ts'
import { startLoad } from './wal-load.ts'

const SEGMENT = toWalSegmentSize(1_048_576)

/** How often walr is killed, and what it receives from. */
export interface Kills {
  readonly compression: string
  readonly version: number & PostgresVersion
  readonly count: number
}

/**
 * Kills walr at random moments while it receives under load, and proves after each kill that every byte which the server
 * was told is durable is in the directory. The seed is printed, and `WALR_TEST_SEED` repeats it.
 */
export async function surviveKills(kills: Kills): Promise<void> {
  const random = new SeededRandom()
  console.log(`WALR_TEST_SEED=${random.seed} (${kills.compression})`)
  await using cluster = await startCluster({
    version: kills.version,
    settings: { wal_keep_size: '8GB', max_wal_size: '8GB' },
  })
  await using scratch = makeScratch('killed')
  const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
  await createSlot(cluster)
  await using load = await startLoad(cluster, random)
  const args = [`--compress=${kills.compression}`]
  const reserved = await lastReportedFlush(cluster)
  let acknowledged = reserved
  for (let kill = 0; kill < kills.count; kill++) {
    await using walr = startReceiver(cluster, scratch.path, { args })
    // Half of the kills while it starts, half of them while it streams.
    if (random.next() < 0.5) await walr.waitForLine(/starting log streaming/)
    let seen = 0n
    const moment = delay(random.between(0, 300)).then(() => walr.signal('SIGKILL'))
    await waitFor('walr is gone', async () => {
      seen = (await standbyOf(cluster))?.flushLsn ?? seen
      return !walr.isRunning
    })
    await moment
    expect(await walr.ended()).toBe('SIGKILL')
    const reported = await lastReportedFlush(cluster)
    // Servers before 15 do not tell where a slot is, so there it may go back within the open segment.
    const lowest = kills.version < 15 ? acknowledged - (acknowledged % BigInt(SEGMENT)) : acknowledged
    expect(reported, 'the flush position does not go back').toBeGreaterThanOrEqual(lowest)
    acknowledged = [acknowledged, seen, reported].reduce((a, b) => (a > b ? a : b))
    // The slot's first position is nobody's acknowledgement, and may lie in the middle of a segment.
    if (acknowledged > reserved) await received.prove(acknowledged)
    else await received.prove(0n)
  }
  await load.stop()
  await using walr = startReceiver(cluster, scratch.path, { args })
  const end = await untilFlushed(cluster)
  expect(await walr.stop()).toBe(0)
  const { finished } = await received.prove(end, { afresh: true })
  expect(finished.length).toBeGreaterThan(kills.count / 5)
  expect(readdirSync(join(scratch.path, '.walr')).sort()).toEqual(['identity.json', 'lock'])
}
