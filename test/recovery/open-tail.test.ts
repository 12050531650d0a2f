import { copyFileSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { makeLocalPlace } from '../support/recovery/archive-place.ts'
import { ArchivedPrimary, loseCluster, upTo } from '../support/recovery/archived-cluster.ts'
import { readerArguments, restoreCommandLine, startRecovery, untilPromoted } from '../support/recovery/recover.ts'
import { callRestoreCommand } from '../support/recovery/restore-process.ts'
import { readRows } from '../support/recovery/row-history.ts'
import { acknowledgedRows } from './acknowledged-rows.ts'

it('gives the complete segment of the archive although a stale open one has its name', async () => {
  await using place = makeLocalPlace()
  await using lost = await loseCluster({ version: 17, places: [place], rows: 5 })
  const receiveDirectory = lost.archivers[0]?.receiveDirectory ?? ''
  const { segment } = lost.row(4)
  // As a receiver leaves it that was moved to another machine in the middle of this segment.
  const stale = join(receiveDirectory, `${segment}.partial`)
  copyFileSync(join(receiveDirectory, `${lost.row(6).segment}.partial`), stale)
  const object = join(place.directory, 'main', lost.systemIdentifier, 'wal/00000001', `${segment}.zst`)
  const complete = zstdDecompressSync(readFileSync(object))

  const args = readerArguments(place, { receiveDirectory })
  const result = await callRestoreCommand(lost.base, args, segment)
  expect(result.status, result.stderr).toBe(0)
  expect(result.bytes?.equals(complete)).toBe(true)
  const alone = await callRestoreCommand(lost.base, `-D "${receiveDirectory}"`, segment)
  expect(alone.status, 'the directory alone cannot know').toBe(255)

  truncateSync(stale, 0)
  await using server = await startRecovery(lost, { command: restoreCommandLine(args) })
  expect(await untilPromoted(server)).toBe(2)
  expect(await readRows(server)).toEqual(upTo(6)) // the last one is in the open segment
})

it('gives back every row that was acknowledged to a client when the server and walr die together', async () => {
  await using place = makeLocalPlace()
  await using primary = await ArchivedPrimary.start({ version: 18, places: [place] })
  const [archiver] = primary.archivers
  await primary.untilReceived()
  primary.server.configure({ synchronous_standby_names: '*', synchronous_commit: 'on' })
  primary.server.reload()
  const acknowledged = await acknowledgedRows(primary.server, {
    clients: 4,
    durationMs: 3000,
    untilEnd: () => Promise.all([primary.server.kill(), archiver?.walr.stop('SIGKILL')]),
  })
  expect(acknowledged.length).toBeGreaterThan(50)

  const args = readerArguments(place, { receiveDirectory: archiver?.receiveDirectory ?? '' })
  await using server = await startRecovery(
    { version: 18, base: primary.base },
    { command: restoreCommandLine(args), settings: { synchronous_standby_names: '' } },
  )
  expect(await untilPromoted(server)).toBe(2)
  const found = new Set(await readRows(server))
  expect(acknowledged.filter((row) => !found.has(row))).toEqual([])
})
