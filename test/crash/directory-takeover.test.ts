import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { toWalSegmentSize } from '../../packages/core/src/wal/wal-segment-size.ts'
import { startTool } from '../support/pg-tools.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { ReceivedWal } from './received-wal.ts'
import { createSlot, lastReportedFlush, receiverArgs, startReceiver, untilFlushed } from './receiver.ts'
import { writeWal } from './wal-load.ts'

const MIB = 1_048_576
const SEGMENT = toWalSegmentSize(MIB)
const settings = { wal_keep_size: '1GB' }

describe.concurrent('a directory of pg_receivewal', () => {
  it.each(['none', 'gzip:1', 'lz4'])('is taken over, given back and taken over again (%s)', async (compression) => {
    await using cluster = await startCluster({ version: 'debian', settings })
    await using scratch = makeScratch('takeover')
    const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
    await createSlot(cluster)
    const args = [`--compress=${compression}`]
    const walr = (): RunningProgram => startReceiver(cluster, scratch.path, { args })
    const pgReceivewal = (): RunningProgram =>
      startTool('pg_receivewal', [...receiverArgs(cluster, scratch.path), '--synchronous', '-v', ...args])
    for (const start of [pgReceivewal, walr, pgReceivewal, walr]) {
      await using receiver = start()
      await untilFlushed(cluster)
      await writeWal(cluster, 3)
      // The open segment is handed over nearly empty: pg_receivewal does not cut what an earlier run has left behind the
      // end of a compressed file.
      await cluster.exec('select pg_switch_wal()')
      const end = await untilFlushed(cluster)
      expect(await receiver.stop('SIGINT')).toBe(0)
      const log = receiver.stderr.join('\n')
      expect(log, receiver.name).toMatch(/starting log streaming/)
      expect(log).not.toMatch(/error|warning/)
      await received.prove(end, { afresh: true })
    }
  })
})

describe.concurrent('an open segment', () => {
  it.each([
    ['empty', 0],
    ['short', 1000],
    ['too long', MIB + 5000],
  ])('that is %s gets its size again, and all its bytes', async (_, size) => {
    await using cluster = await startCluster({ version: 16, settings })
    await using scratch = makeScratch('wrong-size')
    const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
    await createSlot(cluster)
    const partial = await receiveSome(cluster, scratch.path, received)
    truncateSync(partial, size)
    await using walr = startReceiver(cluster, scratch.path)
    await walr.waitForLine(new RegExp(`\\.partial" has ${size} bytes, should be ${MIB}; repairing its size`))
    await received.prove(await untilFlushed(cluster))
    expect(statSync(partial).size).toBe(MIB)
    await writeWal(cluster, 2)
    const end = await untilFlushed(cluster)
    expect(await walr.stop()).toBe(0)
    await received.prove(end)
  })

  it.each(['.gz', '.lz4', '.zst'])('with bytes behind its end does not pass them on (%s)', async (suffix) => {
    await using cluster = await startCluster({ version: 14, settings })
    await using scratch = makeScratch('stale')
    const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
    await createSlot(cluster)
    const args = [`--compress=${suffix === '.gz' ? 'gzip' : suffix === '.lz4' ? 'lz4' : 'zstd'}`]
    const partial = await receiveSome(cluster, scratch.path, received, args)
    expect(partial).toMatch(new RegExp(`${suffix}\\.partial$`))
    appendFileSync(partial, Buffer.alloc(2 * MIB, 'stale'))
    await using walr = startReceiver(cluster, scratch.path, { args })
    await received.prove(await untilFlushed(cluster))
    await writeWal(cluster, 2)
    const end = await untilFlushed(cluster)
    expect(await walr.stop()).toBe(0)
    await received.prove(end)
    const finished = partial.replace(/\.partial$/, '')
    expect(statSync(finished).size).toBeLessThan(2 * MIB)
    if (suffix === '.gz') {
      expect(gunzipSync(readFileSync(finished)).length).toBe(MIB)
      expect(spawnSync('gzip', ['-t', finished])).toMatchObject({ status: 0 })
    }
  })

  it('that decodes to more than was ever received hides nothing that is acknowledged after that', async () => {
    await using cluster = await startCluster({ version: 17, settings })
    await using scratch = makeScratch('overlong')
    const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
    await createSlot(cluster)
    const args = ['--compress=gzip']
    const partial = await receiveSome(cluster, scratch.path, received, args)
    const cut = { finishFlush: constants.Z_SYNC_FLUSH }
    const held = gunzipSync(readFileSync(partial), cut)
    writeFileSync(partial, gzipSync(Buffer.concat([held, Buffer.alloc(MIB - held.length, 'stale')]), cut))
    await using walr = startReceiver(cluster, scratch.path, { args })
    await untilFlushed(cluster)
    await cluster.exec(`insert into bulk select g, 'acknowledged' from generate_series(1, 100) g`)
    await untilFlushed(cluster)
    expect(await walr.stop('SIGKILL')).toBe('SIGKILL')
    await received.prove(await lastReportedFlush(cluster))
  })
})

describe.concurrent('a damaged finished segment', () => {
  it.each([
    ['a plain one that was cut', 'none', (path: string) => truncateSync(path, 1000)],
    ['a compressed one with bytes behind its end', 'gzip', (path: string) => appendFileSync(path, 'stale')],
  ])('is moved aside and received again: %s', async (_, compression, damage) => {
    await using cluster = await startCluster({ version: 18, settings })
    await using scratch = makeScratch('damaged')
    const received = new ReceivedWal(cluster, scratch.path, SEGMENT)
    await createSlot(cluster)
    const args = [`--compress=${compression}`]
    rmSync(await receiveSome(cluster, scratch.path, received, args))
    const newest = (await received.names()).at(-1) ?? expect.unreachable('no finished segment')
    damage(join(scratch.path, newest))
    const damaged = readFileSync(join(scratch.path, newest))
    await using walr = startReceiver(cluster, scratch.path, { args })
    await walr.waitForLine(new RegExp(`moved the damaged file "${newest}" to ".walr/damaged/${newest}"`))
    await writeWal(cluster, 2)
    const end = await untilFlushed(cluster)
    expect(await walr.stop()).toBe(0)
    await received.prove(end, { afresh: true })
    expect(readFileSync(join(scratch.path, '.walr/damaged', newest)).equals(damaged)).toBe(true)
  })
})

/** Receives some segments and stops; resolves to the path of the open one. */
async function receiveSome(
  cluster: PostgresCluster,
  directory: string,
  received: ReceivedWal,
  args: readonly string[] = [],
): Promise<string> {
  await using walr = startReceiver(cluster, directory, { args })
  await untilFlushed(cluster)
  await writeWal(cluster, 2)
  await untilFlushed(cluster)
  expect(await walr.stop()).toBe(0)
  const open = (await received.names()).find((name) => name.endsWith('.partial'))
  return join(directory, open ?? expect.unreachable('no open segment'))
}
