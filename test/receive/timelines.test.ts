import { expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { ReceivedDirectory } from '../support/received-directory.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { promote, startStandby, untilCaughtUp } from '../support/standby.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'

const receive = (cluster: PostgresCluster, directory: ReceivedDirectory): RunningProgram =>
  startWalr(['receive', '-v', '-D', directory.path, '-S', 'ours', '-d', cluster.conninfo()])

it.each([13, 15, 18] as const)(
  'follows the promotion of the standby that it receives from (PostgreSQL %i)',
  async (version) => {
    await using primary = await startCluster({ version })
    await using standby = await startStandby(primary)
    await createSlot(standby, 'ours')
    await using ours = new ReceivedDirectory()
    await using walr = receive(standby, ours)
    await ours.untilPresent(await finishSegments(primary, 2))
    await primary.exec('create table in_the_middle_of_a_segment ()')
    await untilCaughtUp(standby, primary)
    await primary.stop()
    await promote(standby)
    const last = await finishSegments(standby, 2)
    await ours.untilPresent(last)

    expect(last.startsWith('00000002')).toBe(true)
    expect(ours.read('00000002.history').equals(serverSegment(standby, '00000002.history'))).toBe(true)
    const switched = ours.segments.filter((name) => name.startsWith('00000002'))
    for (const name of switched) expect(ours.read(name).equals(serverSegment(standby, name)), name).toBe(true)
    // the old timeline's last segment, which nobody will ever finish, stays beside the new timeline's first
    const firstOfNew = switched[0]?.slice(8) ?? ''
    expect(ours.names).toContain(`00000001${firstOfNew}.partial`)
    expect(walr.stderr.join('\n')).toMatch(/switched to timeline 2 at/)
    expect(await walr.stop()).toBe(0)
  },
)

it('follows a promotion that happens exactly on a segment boundary', async () => {
  await using primary = await startCluster({ version: 15, settings: { autovacuum: 'off' } })
  await using standby = await startStandby(primary)
  await createSlot(standby, 'ours')
  await using ours = new ReceivedDirectory()
  await using walr = receive(standby, ours)
  await endOnBoundary(primary, standby)
  await primary.kill()
  await promote(standby)
  const last = await finishSegments(standby, 2)
  await ours.untilPresent(last)

  expect(ours.read('00000002.history').toString()).toMatch(/^1\t0\/[0-9A-F]+00000\t/)
  const switched = ours.segments.filter((name) => name.startsWith('00000002'))
  for (const name of switched) expect(ours.read(name).equals(serverSegment(standby, name)), name).toBe(true)
  const old = ours.segments.filter((name) => name.startsWith('00000001'))
  expect(Number(`0x${switched[0]?.slice(8) ?? ''}`)).toBe(Number(`0x${old.at(-1)?.slice(8) ?? ''}`) + 1)
  expect(await walr.stop()).toBe(0)
})

it('starts on the old timeline of a directory and follows the server to its new one', async () => {
  await using primary = await startCluster({ version: 15, settings: { wal_keep_size: '64MB' } })
  await using standby = await startStandby(primary)
  await createSlot(standby, 'ours')
  await using ours = new ReceivedDirectory()
  {
    await using walr = receive(standby, ours)
    await ours.untilPresent(await finishSegments(primary, 2))
    expect(await walr.stop()).toBe(0)
  }
  await finishSegments(primary, 1)
  await untilCaughtUp(standby, primary)
  await primary.stop()
  await promote(standby)
  const last = await finishSegments(standby, 1)
  await using walr = receive(standby, ours)
  await ours.untilPresent(last)
  expect(ours.names).toContain('00000002.history')
  for (const name of ours.segments.filter((segment) => segment.startsWith('00000002'))) {
    expect(ours.read(name).equals(serverSegment(standby, name)), name).toBe(true)
  }
  expect(await walr.stop()).toBe(0)
})

/** The standby has replayed up to a segment's end and nothing after it; a record may come in between, then once more. */
async function endOnBoundary(primary: PostgresCluster, standby: PostgresCluster): Promise<void> {
  for (let attempt = 1; attempt <= 10; attempt++) {
    await finishSegments(primary, 1)
    await untilCaughtUp(standby, primary)
    const lsn = await standby.text('select pg_last_wal_replay_lsn()')
    if (lsn.endsWith('00000')) return
  }
  throw new Error('the primary did not stop writing at a boundary')
}
