import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toWalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr } from '../support/walr-process.ts'
import { ReceivedWal } from './received-wal.ts'
import { createSlot, receiverArgs, standbyOf, startReceiver, untilFlushed } from './receiver.ts'
import { writeWal } from './wal-load.ts'

const SEGMENT = toWalSegmentSize(1_048_576)

describe('a slot that is dropped under a receiver', () => {
  it.each([14, 15] as const)(
    'is reported, and gone on with once it is there again (PostgreSQL %i)',
    async (version) => {
      await using cluster = await startCluster({ version, settings: { wal_keep_size: '1GB' } })
      await using scratch = makeScratch('dropped')
      await createSlot(cluster)
      await using walr = startReceiver(cluster, scratch.path)
      await writeWal(cluster, 2)
      await untilFlushed(cluster)
      await waitFor('the slot is dropped', async () => {
        const standby = await standbyOf(cluster)
        if (standby) await cluster.exec('select pg_terminate_backend($1)', [standby.pid])
        await dropSlot(cluster)
        return true
      })
      await walr.waitForLine(/error: replication slot "walr" does not exist/)
      await walr.waitForLine(/state: waiting/)
      await writeWal(cluster, 2)
      expect(walr.isRunning).toBe(true)
      await createSlot(cluster)
      const end = await untilFlushed(cluster)
      expect(await walr.stop()).toBe(0)
      await new ReceivedWal(cluster, scratch.path, SEGMENT).prove(end)
    },
  )
})

describe('a slot that is a logical one', () => {
  it.each([14, 15] as const)('is refused, and is no gap (PostgreSQL %i)', async (version) => {
    await using cluster = await startCluster({ version, settings: { wal_level: 'logical' } })
    await using scratch = makeScratch('logical')
    await cluster.exec(`select pg_create_logical_replication_slot('walr', 'pgoutput')`)
    const result = await runWalr(['receive', ...receiverArgs(cluster, scratch.path), '--no-loop', '-v'])
    expect(result.exitCode).toBe(1)
    expect(result.stderr).toMatch(/cannot use .*logical replication slot/)
    expect(result.stderr).not.toMatch(/state: gap/)
    expect(readdirSync(scratch.path)).toEqual(['.walr'])
  })
})

describe.concurrent('a slot that was invalidated while walr was down', () => {
  it.each([13, 15, 17, 18] as const)(
    'is a gap, and never jumped over without being told to (PostgreSQL %i)',
    async (version) => {
      await using cluster = await startCluster({
        version,
        settings: { max_slot_wal_keep_size: '1MB', wal_keep_size: '0', min_wal_size: '2MB', max_wal_size: '4MB' },
      })
      await using scratch = makeScratch('invalidated')
      const [used, empty] = [subdirectory(scratch, 'used'), subdirectory(scratch, 'empty')]
      const received = new ReceivedWal(cluster, used, SEGMENT)
      await createSlot(cluster)
      await receive(cluster, used, () => writeWal(cluster, 2))
      await invalidateSlot(cluster)
      const before = await received.names()
      const newest = (await received.entries()).find((entry) => entry.partial)?.segmentNumber ?? 0n

      for (const directory of [used, empty]) {
        const once = await runWalr(['receive', ...receiverArgs(cluster, directory), '--no-loop', '-v'])
        expect(once.stderr).toMatch(/state: gap/)
        expect(once.exitCode, once.stderr).toBe(3)
        await using looping = startReceiver(cluster, directory)
        await looping.waitForLine(/state: gap/)
        await looping.waitForLine(/disconnected; waiting/)
        expect(await looping.stop()).toBe(3)
      }
      expect(await received.names(), 'nothing was received behind the gap').toEqual(before)
      expect(readdirSync(empty)).toEqual(['.walr'])

      // From 18 on such a slot is of no use any more.
      if (version >= 18) await renewSlot(cluster)
      await receive(cluster, used, () => writeWal(cluster, 2), ['--accept-gap'])
      const [gap, ...others] = gapsOf(used)
      expect(others).toEqual([])
      expect(gap).toMatchObject({ format: 1, timelineId: 1, startLsn: lsnText(newest) })
      const numbers = (await received.entries()).map((entry) => entry.segmentNumber)
      expect(numbers.some((number) => lsnText(number) === gap?.endLsn)).toBe(true)
      if (version < 18) {
        await renewSlot(cluster)
        await invalidateSlot(cluster)
        await receive(cluster, empty, () => writeWal(cluster, 2), ['--accept-gap'])
        expect(gapsOf(empty)).toMatchObject([{ format: 1, timelineId: 1, startLsn: '0/0' }])
      }
    },
  )
})

interface GapRecord {
  readonly startLsn: string
  readonly endLsn: string
}

function gapsOf(directory: string): readonly GapRecord[] {
  const folder = join(directory, '.walr/gaps')
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as GapRecord)
}

function subdirectory(scratch: Scratch, name: string): string {
  const path = join(scratch.path, name)
  mkdirSync(path)
  return path
}

/** Receives while `work` is done, and until all of it is flushed. */
async function receive(
  cluster: PostgresCluster,
  directory: string,
  work: () => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  await using walr = startReceiver(cluster, directory, { args })
  await waitFor('walr is streaming', () => standbyOf(cluster))
  await work()
  await untilFlushed(cluster)
  expect(await walr.stop()).toBe(0)
}

/** Makes the server remove what the slot needs. */
async function invalidateSlot(cluster: PostgresCluster): Promise<void> {
  await writeWal(cluster, 8)
  await waitFor('the slot is lost', async () => {
    await cluster.exec('select pg_switch_wal()')
    await cluster.exec('checkpoint')
    // A slot whose WAL is gone is shown as lost even before the server has invalidated it.
    const sql = `select wal_status || coalesce(restart_lsn::text, '') from pg_replication_slots where slot_name = 'walr'`
    return (await cluster.text(sql)) === 'lost'
  })
}

async function dropSlot(cluster: PostgresCluster): Promise<void> {
  await cluster.exec(`select pg_drop_replication_slot('walr')`)
}

async function renewSlot(cluster: PostgresCluster): Promise<void> {
  await dropSlot(cluster)
  await createSlot(cluster)
}

function lsnText(segmentNumber: bigint): string {
  const lsn = segmentNumber * BigInt(SEGMENT)
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
}
