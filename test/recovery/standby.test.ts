import { expect, it } from 'vitest'
import { startRadosgw } from '../support/radosgw/radosgw.ts'
import { makeLocalPlace, makeS3Place } from '../support/recovery/archive-place.ts'
import { Archiver, ArchivedPrimary, loseCluster, upTo } from '../support/recovery/archived-cluster.ts'
import { readerArguments, restoreCommandLine, startRecovery, untilPromoted } from '../support/recovery/recover.ts'
import { RestoreGate } from '../support/recovery/restore-gate.ts'
import { readRows, untilRow, writeRow } from '../support/recovery/row-history.ts'
import { within } from '../support/wait-for.ts'
import { expectToFollow } from './follow-archive.ts'

const settings = { wal_retrieve_retry_interval: '200ms' }

it('follows an archive through an outage, and has every row in the end', async () => {
  await using radosgw = await startRadosgw()
  await using place = await makeS3Place(radosgw)
  await expectToFollow(place, { durationMs: 15_000, outages: 1, outageMs: 5000 })
})

it('sees rows of the open segment, and follows a promotion', async () => {
  await using place = makeLocalPlace()
  await using primary = await ArchivedPrimary.start({ version: 16, places: [place] })
  const receiveDirectory = primary.archivers[0]?.receiveDirectory ?? ''
  const command = restoreCommandLine(readerArguments(place, { receiveDirectory }))
  const { version, base } = { version: 16 as const, base: primary.base }
  await using standby = await startRecovery({ version, base }, { command, signalFile: 'standby.signal', settings })
  await untilRow(standby, 2)
  for (const number of [3, 4]) {
    await primary.addRow()
    await untilRow(standby, number)
  }
  await primary.lose()

  await using successor = await startRecovery({ version, base }, { command, settings: { wal_keep_size: '1GB' } })
  expect(await untilPromoted(successor)).toBe(2)
  await using archiver = await Archiver.start(successor, place)
  await writeRow(successor, 5)
  await archiver.untilReceived()
  await successor.exec('select pg_switch_wal()')
  await untilRow(standby, 5)
  expect(await readRows(standby)).toEqual(upTo(5))
  expect(standby.log).not.toMatch(/FATAL: +could not restore|PANIC/)
})

it('can be stopped while it waits for an archive that is away, and goes on afterwards', async () => {
  await using place = makeLocalPlace()
  await using lost = await loseCluster({ version: 15, places: [place], rows: 4 })
  await using gate = new RestoreGate(`${readerArguments(place)} --timeout=1s --unavailable=retry`)
  const { segment } = lost.row(4)
  gate.hold(segment)
  await using standby = await startRecovery(lost, { command: gate.command, signalFile: 'standby.signal', settings })
  await gate.untilHeld(segment)
  await place.takeAway()
  gate.release(segment)
  await expect(untilRow(standby, 5, 3000)).rejects.toThrow()
  await within('the server stops', 10_000, standby.stop('fast'))
  expect(standby.log).not.toMatch(/FATAL: +could not restore/)
  expect(gate.calls.filter(({ status }) => status === 1).map(({ name }) => name)).not.toContain(segment)

  await place.bringBack()
  await standby.start({ untilReady: false })
  await untilRow(standby, 4)
  expect(await readRows(standby)).toEqual(upTo(lost.finishedRows))
})
