import { afterAll, beforeAll, describe, it } from 'vitest'
import { expectToFollow } from '../recovery/follow-archive.ts'
import { expectManyAtOnce } from '../recovery/many-at-once.ts'
import { DAMAGES, expectRefusedRecovery } from '../recovery/damage.ts'
import { expectToSurviveOutage, STAGES } from '../recovery/outage.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import {
  makeLocalPlace,
  makeS3Place,
  makeSftpPlace,
  type LocalPlace,
  type Supply,
} from '../support/recovery/archive-place.ts'
import { loseCluster, type LostCluster } from '../support/recovery/archived-cluster.ts'
import { readerArguments } from '../support/recovery/recover.ts'
import { WalService } from '../support/recovery/wal-service.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'

const SOURCES = ['local', 's3', 'sftp', 'serve', 'the storage of serve'] as const
type Source = (typeof SOURCES)[number]

const made = new AsyncDisposableStack()
const supplies = new Map<Source, { readonly supply: Supply; readonly args: string }>()
let radosgw: Radosgw
let sshd: Sshd
let plain: LocalPlace
let encrypted: LocalPlace
let lost: LostCluster
beforeAll(async () => {
  radosgw = made.use(await startRadosgw())
  sshd = made.use(await startSshd())
  plain = made.use(makeLocalPlace())
  encrypted = made.use(makeLocalPlace({ encrypted: true }))
  const [s3, sftp] = [made.use(await makeS3Place(radosgw)), made.use(await makeSftpPlace(sshd))]
  const places = [plain, encrypted, s3, sftp]
  lost = made.use(await loseCluster({ version: 15, places, rows: 5 }))
  for (const place of [plain, s3, sftp]) supplies.set(place.kind, { supply: place, args: readerArguments(place) })
  const service = made.use(await WalService.start(s3))
  supplies.set('serve', { supply: service, args: service.args })
  supplies.set('the storage of serve', { supply: s3, args: service.args })
})
afterAll(() => made.disposeAsync())

describe('an outage stops PostgreSQL with FATAL, and recovery goes on afterwards', () => {
  const cases = SOURCES.flatMap((source) =>
    STAGES.flatMap((stage) =>
      ['', ' --prefetch=0'].map((option) => ({ source, stage, option, when: `${stage}${option}` })),
    ),
  ).filter(({ source, stage }) => source !== 'local' || stage !== 'in the middle of a segment') // that would be damage
  it.each(cases)('$source is away $when', async ({ source, stage, option }) => {
    const { supply, args } = supplies.get(source) ?? { args: '' }
    if (!supply) throw new Error(source)
    await expectToSurviveOutage(lost, { supply, args: `${args} --timeout=2s${option}`, stage })
  })
})

it.each(DAMAGES)('stops PostgreSQL with FATAL: $what', async (damage) => {
  await expectRefusedRecovery(damage, lost, damage.archive === 'plain' ? plain : encrypted)
})

it('follows an archive for three minutes through outages', async () => {
  await using place = await makeS3Place(radosgw)
  await expectToFollow(place, { durationMs: 180_000, outages: 6, outageMs: 8000 })
})

it('recovers ten clusters from one walr serve at the same time', async () => {
  await expectManyAtOnce(lost, supplies.get('serve')?.args ?? '', 10)
})
