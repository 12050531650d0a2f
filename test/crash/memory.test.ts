import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { toWalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch } from '../support/scratch.ts'
import { lsnOf, ReceivedWal } from './received-wal.ts'
import { createSlot, startReceiver, untilFlushed } from './receiver.ts'

const MIB = 1_048_576
const SEGMENT = toWalSegmentSize(16 * MIB)
const BACKLOG_BYTES = 300 * MIB
const LIMIT_KIB = 120 * 1024

const methods = ['none', 'gzip', 'lz4', 'zstd']
let cluster: PostgresCluster
let start: bigint

beforeAll(async () => {
  cluster = await startCluster({ version: 17, walSegmentSizeMb: 16, settings: { max_wal_size: '4GB' } })
  for (const method of methods) await createSlot(cluster, method)
  start = lsnOf(await cluster.text('select pg_current_wal_lsn()'))
  await cluster.exec('create table backlog (filler text)')
  await cluster.exec(`insert into backlog select repeat(md5(g::text), 30) from generate_series(1, 320000) g`)
})
afterAll(() => cluster[Symbol.asyncDispose]())

describe('memory', () => {
  it.each(methods)('stays below 120 MiB while 300 MiB of WAL are fetched (%s)', async (method) => {
    await using scratch = makeScratch('memory')
    await using walr = startReceiver(cluster, scratch.path, { slot: method, args: [`--compress=${method}`] })
    const end = await untilFlushed(cluster, { name: method, deadlineMs: 60_000 })
    expect(Number(end - start)).toBeGreaterThan(BACKLOG_BYTES)
    const peakKib = Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${walr.pid}/status`, 'utf8'))?.[1])
    expect(peakKib).toBeGreaterThan(0)
    expect(peakKib, 'peak of resident memory in KiB').toBeLessThan(LIMIT_KIB)
    expect(await walr.stop()).toBe(0)
    await new ReceivedWal(cluster, scratch.path, SEGMENT).prove(end)
  })
})
