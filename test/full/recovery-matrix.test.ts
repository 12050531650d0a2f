import { afterAll, beforeAll, describe, it } from 'vitest'
import { expectRecovery } from '../recovery/expect-recovery.ts'
import { EMBEDDED_VERSIONS } from '../support/postgres-binaries.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { makeLocalPlace, makeS3Place, makeSftpPlace } from '../support/recovery/archive-place.ts'
import { loseCluster, type LostCluster } from '../support/recovery/archived-cluster.ts'
import { readerArguments, TARGET_KINDS } from '../support/recovery/recover.ts'
import { WalService } from '../support/recovery/wal-service.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'

const SOURCES = ['local', 's3', 'sftp', 'serve', 'directory and archive'] as const
type Source = (typeof SOURCES)[number]

let radosgw: Radosgw
let sshd: Sshd
beforeAll(async () => {
  ;[radosgw, sshd] = await Promise.all([startRadosgw(), startSshd()])
})
afterAll(async () => {
  await Promise.all([radosgw.stop(), sshd[Symbol.asyncDispose]()])
})

describe.each(EMBEDDED_VERSIONS)('PostgreSQL %i', (version) => {
  const made = new AsyncDisposableStack()
  const args = new Map<Source, string>()
  let lost: LostCluster
  beforeAll(async () => {
    const places = [makeLocalPlace(), await makeS3Place(radosgw), await makeSftpPlace(sshd)] as const
    for (const place of places) made.use(place)
    lost = made.use(await loseCluster({ version, places }))
    for (const place of places) args.set(place.kind, readerArguments(place))
    const [local, s3] = places
    const service = made.use(await WalService.start(s3))
    args.set('serve', service.args)
    const receiveDirectory = lost.archivers[0]?.receiveDirectory ?? ''
    args.set('directory and archive', readerArguments(local, { name: 'both', receiveDirectory }))
  })
  afterAll(() => made.disposeAsync())

  it.each(SOURCES.flatMap((source) => TARGET_KINDS.map((kind) => ({ source, kind }))))(
    'recovers from $source to a target: $kind',
    async ({ source, kind }) => {
      const hasOpenSegment = source === 'directory and archive' && kind === 'latest'
      const row = hasOpenSegment ? lost.finishedRows + 1 : 4
      await expectRecovery(lost, { args: args.get(source) ?? '', kind, row })
    },
  )
})
