import { expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'

const slots = (cluster: PostgresCluster): Promise<readonly object[]> =>
  cluster.exec('select slot_name, slot_type, restart_lsn is not null as reserves from pg_replication_slots')

it('creates a slot that keeps WAL from that moment on, and drops it again', async () => {
  await using cluster = await startCluster({ version: 15 })
  const connection = ['-d', cluster.conninfo()]
  const created = await runWalr(['receive', '--create-slot', '-S', 'ours', ...connection])
  expect(created).toMatchObject({ exitCode: 0, stdout: '' })
  expect(await slots(cluster)).toEqual([{ slot_name: 'ours', slot_type: 'physical', reserves: true }])

  const again = await runWalr(['receive', '--create-slot', '-S', 'ours', ...connection])
  expect(again.exitCode).toBe(1)
  expect(again.stderr).toContain('replication slot "ours" already exists')
  const tolerated = await runWalr(['receive', '--create-slot', '--if-not-exists', '-S', 'ours', ...connection])
  expect(tolerated).toMatchObject({ exitCode: 0 })

  expect(await runWalr(['receive', '--drop-slot', '-S', 'ours', ...connection])).toMatchObject({ exitCode: 0 })
  expect(await slots(cluster)).toEqual([])
  const absent = await runWalr(['receive', '--drop-slot', '-S', 'ours', ...connection])
  expect(absent.exitCode).toBe(1)
  expect(absent.stderr).toContain('replication slot "ours" does not exist')
})

it('starts an empty directory at the segment that its slot has kept, not at the current one', async () => {
  await using cluster = await startCluster({ version: 15 })
  const connection = ['-S', 'ours', '-d', cluster.conninfo()]
  await runWalr(['receive', '--create-slot', ...connection])
  const first = await cluster.text('select pg_walfile_name(restart_lsn) from pg_replication_slots')
  const last = await finishSegments(cluster, 4)
  await using ours = new ReceivedDirectory()
  await using walr = startWalr(['receive', '-D', ours.path, ...connection])
  await ours.untilPresent(last)
  expect(ours.segments[0]).toBe(first)
  for (const name of ours.segments) expect(ours.read(name).equals(serverSegment(cluster, name)), name).toBe(true)
  expect(await walr.stop()).toBe(0)
})

it('gives up on a slot that does not exist when it may not loop, and says which', async () => {
  await using cluster = await startCluster({ version: 15 })
  await using ours = new ReceivedDirectory()
  const result = await runWalr(['receive', '-D', ours.path, '-S', 'nowhere', '--no-loop', '-d', cluster.conninfo()])
  expect(result.exitCode).toBe(1)
  expect(result.stderr).toContain('replication slot "nowhere" does not exist')
  expect(ours.names).toEqual([])
})
