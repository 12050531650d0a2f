import { expect, it } from 'vitest'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import { makeLocalPlace, type ArchivePlace } from '../support/recovery/archive-place.ts'
import { Archiver, loseCluster, upTo, type LostCluster } from '../support/recovery/archived-cluster.ts'
import {
  readerArguments,
  restoreCommandLine,
  startRecovery,
  targetSettings,
  untilPromoted,
} from '../support/recovery/recover.ts'
import { RestoreGate, type RestoreCall } from '../support/recovery/restore-gate.ts'
import { readRows, writeRow } from '../support/recovery/row-history.ts'

const VERSION = 17

/** Recovers to a row along a timeline, goes on writing these rows, and archives them to where the rest is. */
async function branch(
  lost: LostCluster,
  place: ArchivePlace,
  how: { readonly row: number; readonly along: string; readonly writes: readonly number[] },
): Promise<number> {
  await using server = await startRecovery(lost, {
    command: restoreCommandLine(readerArguments(place)),
    settings: {
      ...targetSettings('name', lost.row(how.row)),
      recovery_target_timeline: how.along,
      wal_keep_size: '1GB',
    },
  })
  const timeline = await untilPromoted(server)
  await using archiver = await Archiver.start(server, place)
  await archiver.walr.waitForLine(/streaming|receiving/i)
  for (const number of how.writes) {
    await writeRow(server, number)
    await server.exec('select pg_switch_wal()')
  }
  await archiver.untilReceived()
  await server.kill()
  await archiver.stop()
  return timeline
}

/** Recovers along a timeline to its end. */
async function recoverAlong(
  lost: LostCluster,
  place: ArchivePlace,
  timeline: string,
): Promise<{ rows: readonly number[]; timeline: number; calls: readonly RestoreCall[] }> {
  await using gate = new RestoreGate(readerArguments(place))
  await using server: PostgresCluster = await startRecovery(lost, {
    command: gate.command,
    settings: { recovery_target_timeline: timeline },
  })
  const made = await untilPromoted(server)
  return { rows: await readRows(server), timeline: made, calls: gate.calls }
}

it('recovers along the latest, the current and a chosen timeline of an archive with two branches', async () => {
  await using place = makeLocalPlace()
  await using lost = await loseCluster({ version: VERSION, places: [place], rows: 6 })
  expect(await branch(lost, place, { row: 4, along: 'latest', writes: [201, 202] })).toBe(2)
  expect(await branch(lost, place, { row: 5, along: 'current', writes: [301, 302] })).toBe(3)

  const latest = await recoverAlong(lost, place, 'latest')
  expect(latest).toMatchObject({ rows: [...upTo(5), 301, 302], timeline: 4 })
  const second = await recoverAlong(lost, place, '2')
  expect(second).toMatchObject({ rows: [...upTo(4), 201, 202], timeline: 4 })
  const current = await recoverAlong(lost, place, 'current')
  expect(current).toMatchObject({ rows: upTo(6), timeline: 4 })
  for (const { calls } of [latest, second, current]) {
    const histories = calls.filter(({ name }) => name.endsWith('.history'))
    // What is there is given whenever it is asked for, and the rest is absent.
    for (const { name, status } of histories) expect([name, status]).toEqual([name, /^0000000[23]/.test(name) ? 0 : 1])
  }
  expect(latest.calls.map(({ name }) => name)).toContain('00000004.history')
})
