import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { mustRun, type ProgramResult } from '../support/run-program.ts'
import { makeScratch } from '../support/scratch.ts'
import { asUser, unprivilegedUser } from '../support/unprivileged-user.ts'
import { runWalr } from '../support/walr-process.ts'
import { createSlot, receiverArgs, startReceiver, untilFlushed } from './receiver.ts'
import { writeWal } from './wal-load.ts'

describe('a directory', () => {
  it('has one receiver at a time, and is free when that was killed', async () => {
    await using cluster = await startCluster({ version: 17 })
    await using scratch = makeScratch('locked')
    await createSlot(cluster)
    await using first = startReceiver(cluster, scratch.path)
    await untilFlushed(cluster)
    const second = await receiveOnce(cluster, scratch.path)
    expect(second.exitCode).toBe(1)
    expect(second.stderr).toContain(`error: directory "${scratch.path}" is in use by walr process ${first.pid} on host`)
    expect(await first.stop('SIGKILL')).toBe('SIGKILL')
    await using third = startReceiver(cluster, scratch.path)
    await untilFlushed(cluster)
    expect(await third.stop()).toBe(0)
  })

  it.each(['none', 'gzip'])(
    'of another cluster is refused, by identity and by page headers (%s)',
    async (compression) => {
      await using mine = await startCluster({ version: 17 })
      await using other = await startCluster({ version: 17 })
      await using scratch = makeScratch('foreign')
      await fillDirectory(mine, scratch.path, [`--compress=${compression}`])
      const owner = await mine.text('select system_identifier from pg_control_system()')
      const stranger = await other.text('select system_identifier from pg_control_system()')
      await createSlot(other)
      const before = contents(scratch.path)
      await expectRefused(
        other,
        scratch.path,
        `belongs to the cluster with system identifier ${owner}, the server's is ${stranger}`,
      )
      rmSync(join(scratch.path, '.walr'), { recursive: true })
      await expectRefused(
        other,
        scratch.path,
        `belongs to the cluster with system identifier ${owner}, the server's is ${stranger}`,
      )
      for (const name of segmentFiles(scratch.path).filter((file) => !file.endsWith('.partial')))
        rmSync(join(scratch.path, name))
      await expectRefused(other, scratch.path, `.partial" belongs to the cluster with system identifier ${owner}`)
      for (const [name, bytes] of contents(scratch.path))
        expect(bytes.equals(before.get(name) ?? Buffer.alloc(0))).toBe(true)
      expect(readdirSync(join(scratch.path, '.walr'))).toEqual(['lock'])
    },
  )

  it.each(['none', 'gzip'])(
    'with segments of another size is refused, by identity and by page headers (%s)',
    async (compression) => {
      await using cluster = await startCluster({ version: 'debian', walSegmentSizeMb: 1 })
      await using scratch = makeScratch('resized')
      await fillDirectory(cluster, scratch.path, [`--compress=${compression}`])
      const before = contents(scratch.path)
      await cluster.exec(`select pg_drop_replication_slot('walr')`)
      await cluster.stop()
      const resetWal = join(cluster.binDirectory, 'pg_resetwal')
      await mustRun(resetWal, ['--wal-segsize=2', cluster.dataDirectory], { cwd: '/', ...asUser(unprivilegedUser()) })
      await cluster.start()
      await createSlot(cluster)
      await expectRefused(cluster, scratch.path, `has WAL segments of 1048576 bytes, the server's have 2097152`)
      rmSync(join(scratch.path, '.walr'), { recursive: true })
      await expectRefused(cluster, scratch.path, /segments of 1048576 bytes/)
      expect(segmentFiles(scratch.path)).toEqual([...before.keys()])
      expect(readdirSync(join(scratch.path, '.walr'))).toEqual(['lock'])
    },
  )
})

/** Some finished segments and an open one. */
async function fillDirectory(cluster: PostgresCluster, directory: string, args: readonly string[]): Promise<void> {
  await createSlot(cluster)
  await using walr = startReceiver(cluster, directory, { args })
  await writeWal(cluster, 3)
  await untilFlushed(cluster)
  expect(await walr.stop()).toBe(0)
}

async function receiveOnce(cluster: PostgresCluster, directory: string): Promise<ProgramResult> {
  return runWalr(['receive', ...receiverArgs(cluster, directory), '--no-loop'])
}

/** Refused whether walr may try again or not. */
async function expectRefused(cluster: PostgresCluster, directory: string, message: string | RegExp): Promise<void> {
  for (const loop of [[], ['--no-loop']]) {
    const result = await runWalr(['receive', ...receiverArgs(cluster, directory), ...loop], { deadlineMs: 10_000 })
    expect(result.exitCode, result.stderr).toBe(1)
    expect(result.stderr).toMatch(message)
  }
}

function segmentFiles(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name !== '.walr')
    .sort()
}

function contents(directory: string): ReadonlyMap<string, Buffer> {
  return new Map(segmentFiles(directory).map((name) => [name, readFileSync(join(directory, name))]))
}
