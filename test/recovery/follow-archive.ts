import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { promote } from '../support/standby.ts'
import type { ArchivePlace } from '../support/recovery/archive-place.ts'
import { ArchivedPrimary, upTo } from '../support/recovery/archived-cluster.ts'
import { readerArguments, startRecovery } from '../support/recovery/recover.ts'
import { RestoreGate } from '../support/recovery/restore-gate.ts'
import { readRows, untilRow } from '../support/recovery/row-history.ts'

/** How long, and with which interruptions. */
export interface FollowOptions {
  /** While this lasts rows are written. */
  readonly durationMs: number
  /** Outages of the archive, evenly spread. */
  readonly outages: number
  readonly outageMs: number
}

/** A standby without a primary to stream from replays the archive of a busy cluster, and must never give up. */
export async function expectToFollow(place: ArchivePlace, options: FollowOptions): Promise<void> {
  await using primary = await ArchivedPrimary.start({ version: 17, places: [place] })
  await using gate = new RestoreGate(`${readerArguments(place)} --timeout=1s --unavailable=retry`)
  await using standby = await startRecovery(
    { version: 17, base: primary.base },
    {
      command: gate.command,
      signalFile: 'standby.signal',
      settings: { wal_retrieve_retry_interval: '200ms', max_standby_archive_delay: '-1' },
    },
  )
  const { durationMs, outages, outageMs } = options
  const endMs = performance.now() + durationMs
  const pauseMs = durationMs / outages - outageMs
  const over = new AbortController()
  const writing = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      await primary.addRow()
      await primary.finishSegment()
      await delay(300)
    }
  })()
  try {
    await untilRow(standby, 2)
    while (performance.now() + pauseMs / 2 < endMs) {
      await delay(pauseMs / 2)
      await place.takeAway()
      await delay(outageMs)
      await place.bringBack()
      const { length } = primary.rows
      await delay(pauseMs / 2)
      await untilRow(standby, length) // it catches up after every outage
    }
  } finally {
    over.abort()
    await writing
  }
  await untilRow(standby, primary.rows.length)
  expect(standby.log).not.toMatch(/FATAL: +could not restore|PANIC/)
  expect(gate.calls.filter(({ status }) => status > 1)).toEqual([])
  await promote(standby)
  expect(await readRows(standby)).toEqual(upTo(primary.rows.length))
}
