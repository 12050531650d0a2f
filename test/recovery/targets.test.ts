import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeLocalPlace, makeS3Place, makeSftpPlace, type ArchivePlace } from '../support/recovery/archive-place.ts'
import { loseCluster } from '../support/recovery/archived-cluster.ts'
import { expectRecovery } from './expect-recovery.ts'
import { expectManyAtOnce } from './many-at-once.ts'
import { readerArguments, type TargetKind } from '../support/recovery/recover.ts'
import { WalService } from '../support/recovery/wal-service.ts'
import type { PostgresVersion } from '../support/postgres-binaries.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'

let radosgw: Radosgw
let sshd: Sshd
beforeAll(async () => {
  ;[radosgw, sshd] = await Promise.all([startRadosgw(), startSshd()])
})
afterAll(async () => {
  await Promise.all([radosgw.stop(), sshd[Symbol.asyncDispose]()])
})

const places: Readonly<Record<string, () => ArchivePlace | Promise<ArchivePlace>>> = {
  'a folder': () => makeLocalPlace(),
  'an encrypted folder': () => makeLocalPlace({ encrypted: true }),
  S3: () => makeS3Place(radosgw),
  SFTP: () => makeSftpPlace(sshd),
}

it.each<[PostgresVersion, string, TargetKind, number]>([
  [13, 'a folder', 'time', 16],
  [14, 'SFTP', 'xid', 1],
  [16, 'S3', 'name', 1],
  [17, 'an encrypted folder', 'immediate', 1],
  [18, 'S3', 'latest', 1],
])(
  'recovers PostgreSQL %i from %s to a target: %s; segments of %i MiB',
  async (version, where, kind, walSegmentSizeMb) => {
    await using place = await places[where]?.()
    if (!place) throw new Error(where)
    await using lost = await loseCluster({ version, walSegmentSizeMb, places: [place], rows: 5 })
    await expectRecovery(lost, { args: readerArguments(place), kind, row: 4 })
  },
)

it('recovers PostgreSQL 15 through walr serve: one to an LSN, three at once to the end; and from the receive directory to the last row', async () => {
  await using place = makeLocalPlace()
  await using lost = await loseCluster({ version: 15, places: [place], rows: 5 })
  await using service = await WalService.start(place)
  await expectRecovery(lost, { args: service.args, kind: 'lsn', row: 4 })
  await expectManyAtOnce(lost, service.args, 3)
  const receiveDirectory = lost.archivers[0]?.receiveDirectory ?? ''
  const args = readerArguments(place, { name: 'with-directory', receiveDirectory })
  await expectRecovery(lost, { args, kind: 'latest', row: 6 })
  expect(service.walr.isRunning).toBe(true)
})
