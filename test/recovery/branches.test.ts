import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import { makeLocalPlace, type ArchivePlace } from '../support/recovery/archive-place.ts'
import {
  Archiver,
  loseCluster,
  upTo,
  writeReaderConfiguration,
  type LostCluster,
} from '../support/recovery/archived-cluster.ts'
import {
  readerArguments,
  restoreCommandLine,
  startRecovery,
  targetSettings,
  untilPromoted,
} from '../support/recovery/recover.ts'
import { RestoreGate, type RestoreCall } from '../support/recovery/restore-gate.ts'
import { readRows, writeRow } from '../support/recovery/row-history.ts'
import { walrCommandLine } from '../support/stage-for-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr } from '../support/walr-process.ts'

interface Branch {
  /** Where recovery ends. */
  readonly row: number
  /** `recovery_target_timeline` */
  readonly along: string
  /** Rows that are written on the new timeline, each in a segment of its own. */
  readonly writes: readonly number[]
  readonly archivedBy: 'receive' | 'archive-command'
}

/** Recovers to a row, goes on from there, and archives that to where the rest is. Resolves to the new timeline. */
async function branch(lost: LostCluster, place: ArchivePlace, how: Branch): Promise<number> {
  const archiveCommand = walrCommandLine(`archive-command --config "${writeReaderConfiguration(place)}" %p`)
  await using server = await startRecovery(lost, {
    command: restoreCommandLine(readerArguments(place)),
    settings: {
      ...targetSettings('name', lost.row(how.row)),
      recovery_target_timeline: how.along,
      wal_keep_size: '1GB',
      ...(how.archivedBy === 'archive-command' && { archive_mode: 'on', archive_command: archiveCommand }),
    },
  })
  const timeline = await untilPromoted(server)
  const write = async (): Promise<void> => {
    for (const number of how.writes) {
      await writeRow(server, number)
      await server.exec('select pg_switch_wal()')
    }
  }
  if (how.archivedBy === 'archive-command') {
    await write()
    await untilNothingWaits(server)
  } else {
    await using archiver = await Archiver.start(server, place)
    await write()
    await archiver.untilReceived()
    await server.kill()
    await archiver.stop()
  }
  return timeline
}

async function untilNothingWaits(server: PostgresCluster): Promise<void> {
  const folder = join(server.dataDirectory, 'pg_wal/archive_status')
  const isDone = (): boolean => readdirSync(folder).every((name) => !name.endsWith('.ready'))
  await waitFor('nothing waits for the archiver', isDone, { intervalMs: 100 }).catch((cause: unknown) => {
    throw new Error(`files wait for the archiver; the server's log:\n${server.log}`, { cause })
  })
}

/** Recovers along a timeline to its end. */
async function recoverAlong(
  lost: LostCluster,
  place: ArchivePlace,
  timeline: string,
): Promise<{ rows: readonly number[]; timeline: number; calls: readonly RestoreCall[] }> {
  await using gate = new RestoreGate(readerArguments(place))
  await using server = await startRecovery(lost, {
    command: gate.command,
    settings: { recovery_target_timeline: timeline },
  })
  const made = await untilPromoted(server)
  return { rows: await readRows(server), timeline: made, calls: gate.calls }
}

it('recovers along the latest, the current and a chosen timeline of an archive with two branches', async () => {
  await using place = makeLocalPlace()
  await using lost = await loseCluster({ version: 17, places: [place], rows: 6 })
  const second = { row: 4, along: 'latest', writes: [201, 202], archivedBy: 'receive' } as const
  expect(await branch(lost, place, second)).toBe(2)
  const third = { row: 5, along: 'current', writes: [301, 302], archivedBy: 'archive-command' } as const
  expect(await branch(lost, place, third)).toBe(3)

  const alongs: readonly (readonly [string, readonly number[]])[] = [
    ['latest', [...upTo(5), ...third.writes]],
    ['2', [...upTo(4), ...second.writes]],
    ['current', upTo(6)],
  ]
  for (const [along, rows] of alongs) {
    const found = await recoverAlong(lost, place, along)
    expect(found, along).toMatchObject({ rows, timeline: 4 })
    // What is there is given whenever it is asked for, and the rest is absent.
    const histories = found.calls.filter(({ name }) => name.endsWith('.history'))
    expect(histories.map(({ name }) => name)).toContain('00000004.history')
    for (const { name, status } of histories) expect([name, status]).toEqual([name, /^0000000[23]/.test(name) ? 0 : 1])
  }
  const verified = await runWalr(['wal', 'verify', '--deep', '--config', writeReaderConfiguration(place)])
  expect(verified.exitCode, `${verified.stdout}${verified.stderr}`).toBe(0)
})
