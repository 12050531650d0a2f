import { expect, it } from 'vitest'
import { startTool } from '../support/pg-tools.ts'
import { startCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'

const receivers = {
  walr: (args: readonly string[]) => startWalr(['receive', ...args]),
  pg_receivewal: (args: readonly string[]) => startTool('pg_receivewal', args),
} satisfies Record<string, (args: readonly string[]) => RunningProgram>

it.each([
  ['walr', 'pg_receivewal'],
  ['pg_receivewal', 'walr'],
  ['walr', 'walr'],
] as const)('%s leaves a directory in the middle of a segment that %s goes on with', async (first, second) => {
  await using cluster = await startCluster({ version: 15 })
  await createSlot(cluster, 'shared')
  await using directory = new ReceivedDirectory()
  const args = ['-D', directory.path, '-S', 'shared', '-d', cluster.conninfo()]
  {
    await using receiver = receivers[first](args)
    await directory.untilPresent(await finishSegments(cluster, 2))
    await cluster.exec('create table in_the_middle ()')
    const open = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
    await directory.untilPresent(`${open}.partial`)
    expect(await receiver.stop('SIGINT')).toBe(0)
  }
  await cluster.exec('create table written_meanwhile ()')
  {
    await using receiver = receivers[second](args)
    await directory.untilPresent(await finishSegments(cluster, 3))
    expect(await receiver.stop('SIGINT')).toBe(0)
  }
  expect(directory.segments.length).toBeGreaterThanOrEqual(5)
  for (const name of directory.segments) {
    expect(directory.read(name).equals(serverSegment(cluster, name)), name).toBe(true)
  }
  const numbers = directory.segments.map((name) => Number(`0x${name.slice(16)}`))
  expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
})

it('keeps what it has when it is killed in the middle of a segment, and completes it afterwards', async () => {
  await using cluster = await startCluster({ version: 15 })
  await createSlot(cluster, 'ours')
  await using directory = new ReceivedDirectory()
  const args = ['receive', '-D', directory.path, '-S', 'ours', '-d', cluster.conninfo()]
  for (let round = 0; round < 3; round++) {
    await using walr = startWalr(args)
    await directory.untilPresent(await finishSegments(cluster, 1))
    await cluster.exec(`create table round_${round} ()`)
    const open = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
    await directory.untilPresent(`${open}.partial`)
    expect(await walr.stop('SIGKILL')).toBe('SIGKILL')
  }
  await using walr = startWalr(args)
  await directory.untilPresent(await finishSegments(cluster, 1))
  for (const name of directory.segments) {
    expect(directory.read(name).equals(serverSegment(cluster, name)), name).toBe(true)
  }
  expect(await walr.stop()).toBe(0)
})
