import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { isSegmentPut, isUnbroken, newKey, S3Archive } from './s3-archive.ts'

let server: Radosgw
let cluster: PostgresCluster
beforeAll(async () => {
  server = await startRadosgw()
  cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await server.stop()
})

const older = newKey('2025')
const newer = newKey('2026')

it('encrypts with the first key of the file, and reads with all of them', async () => {
  await using archive = await S3Archive.create(server, cluster, { keys: [older] })
  {
    await using walr = archive.startWalr()
    await archive.untilAllArchived(await finishSegments(cluster, 2))
    // Stored, but not confirmed: the next run has to compare it.
    archive.proxy.inject({ when: isSegmentPut, action: 'lost-answer' })
    await archive.untilArchived(await finishSegments(cluster, 1))
    expect(await walr.stop('SIGKILL')).toBe('SIGKILL')
  }
  const before = await archive.segments()
  archive.proxy.clear()
  archive.writeKeys([newer, older])
  await using walr = archive.startWalr()
  await archive.untilAllArchived(await finishSegments(cluster, 3))
  expect(await walr.stop()).toBe(0)
  const archived = await archive.segments()
  expect(isUnbroken(archived)).toBe(true)
  expect(archived.length).toBeGreaterThanOrEqual(before.length + 3)
  for (const name of archived) {
    const { plain, keyId } = await archive.open(archive.segmentKey(name))
    expect(plain.equals(serverSegment(cluster, name)), name).toBe(true)
    expect(keyId, name).toBe(before.includes(name) ? older.id : newer.id)
  }
  expect(await archive.quarantine()).toEqual([])
  expect(walr.stderr.filter((line) => line.startsWith('walr: error'))).toEqual([])
})

it('keeps object and file where the key of an object is missing, says which one, and archives the others', async () => {
  await using archive = await S3Archive.create(server, cluster, { keys: [older] })
  let unconfirmed: string
  {
    await using walr = archive.startWalr()
    await archive.untilAllArchived(await finishSegments(cluster, 2))
    archive.proxy.inject({ when: isSegmentPut, action: 'lost-answer' })
    unconfirmed = await finishSegments(cluster, 1)
    await archive.untilArchived(unconfirmed)
    expect(await walr.stop('SIGKILL')).toBe('SIGKILL')
  }
  const object = await archive.object(archive.segmentKey(unconfirmed))
  archive.proxy.clear()
  archive.writeKeys([newer])
  {
    await using walr = archive.startWalr()
    await walr.waitForLine(new RegExp(`^walr: error: could not archive "${unconfirmed}": .*needs the key "2025"`))
    await walr.waitForLine(/^walr: code: WALR_KEY$/)
    await archive.untilArchived(await finishSegments(cluster, 3))
    // The one before it may have stayed as the newest confirmed one: without a mark it is compared once more, too.
    const told = await archive.untilStatus(
      'it is told',
      ({ archive: { archivedCount, backlog } }) => archivedCount >= 3 && [1, 2].includes(backlog.files),
    )
    expect(told.archive.lastError?.code).toBe('WALR_KEY')
    expect(told.archive.quarantined).toEqual([])
    expect(await walr.stop()).toBe(0)
  }
  expect(archive.localSegments()).toContain(unconfirmed)
  expect((await archive.object(archive.segmentKey(unconfirmed))).equals(object)).toBe(true)
  expect(await archive.quarantine()).toEqual([])

  archive.writeKeys([newer, older])
  await using walr = archive.startWalr()
  await archive.untilAllArchived(await finishSegments(cluster, 1))
  expect(await walr.stop()).toBe(0)
  expect((await archive.object(archive.segmentKey(unconfirmed))).equals(object)).toBe(true)
  expect(isUnbroken(await archive.segments())).toBe(true)
  expect(await archive.quarantine()).toEqual([])
})
