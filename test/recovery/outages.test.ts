import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeS3Place, makeSftpPlace, type ArchivePlace } from '../support/recovery/archive-place.ts'
import { loseCluster, upTo, type LostCluster } from '../support/recovery/archived-cluster.ts'
import { readerArguments, startRecovery, untilPromoted } from '../support/recovery/recover.ts'
import { RestoreGate } from '../support/recovery/restore-gate.ts'
import { readRows } from '../support/recovery/row-history.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'
import { expectToSurviveOutage, type Stage } from './outage.ts'

let radosgw: Radosgw
let sshd: Sshd
let s3: ArchivePlace
let sftp: ArchivePlace
let lost: LostCluster
beforeAll(async () => {
  ;[radosgw, sshd] = await Promise.all([startRadosgw(), startSshd()])
  ;[s3, sftp] = await Promise.all([makeS3Place(radosgw), makeSftpPlace(sshd)])
  lost = await loseCluster({ version: 16, places: [s3, sftp], rows: 5 })
})
afterAll(async () => {
  for (const each of [lost, s3, sftp, sshd, radosgw]) await each[Symbol.asyncDispose]()
})

describe('an outage stops PostgreSQL with FATAL, and recovery goes on afterwards', () => {
  it.each<[string, Stage, () => ArchivePlace]>([
    ['S3', 'in the middle of a segment', () => s3],
    ['SFTP', 'before recovery', () => sftp],
    ['S3', 'at the last history file', () => s3],
  ])('%s %s', async (_name, stage, place) => {
    const args = `${readerArguments(place())} --timeout=2s`
    await expectToSurviveOutage(lost, { supply: place(), args, stage })
  })
})

it('goes on when the storage is away for a shorter time than --timeout', async () => {
  await using gate = new RestoreGate(`${readerArguments(sftp)} --timeout=60s`)
  const { segment } = lost.row(4)
  gate.hold(segment)
  await using server = await startRecovery(lost, { command: gate.command })
  await gate.untilHeld(segment)
  await sftp.takeAway()
  gate.release(segment)
  await delay(3000)
  await sftp.bringBack()
  await untilPromoted(server)
  expect(await readRows(server)).toEqual(upTo(lost.finishedRows))
  expect(gate.calls.filter(({ status }) => status > 1)).toEqual([])
})
