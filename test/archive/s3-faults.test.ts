import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import type { RunningProgram } from '../support/running-program.ts'
import type { FaultAction, SeenRequest } from '../support/http-fault-proxy.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { isSegmentGet, isSegmentPut, isUnbroken, S3Archive } from './s3-archive.ts'

let server: Radosgw
let cluster: PostgresCluster
beforeAll(async () => {
  server = await startRadosgw()
  cluster = await startCluster({
    version: 17,
    settings: { wal_keep_size: '8GB', max_wal_size: '8GB', max_replication_slots: '60' },
  })
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await server.stop()
})

/** What walr says and does while a fault lasts. */
interface Trouble {
  readonly state: 'outage' | 'refused'
  readonly code: string
  /** The line of the alarm. */
  readonly line: RegExp
}

const outage = (text: string): Trouble => ({
  state: 'outage',
  code: 'WALR_ARCHIVE_UNAVAILABLE',
  line: new RegExp(
    `^walr: warning: could not archive "[0-9A-F]{24}": .*(?:${text}).*; \\d+ files? waits? in the directory$`,
  ),
})
const refused = (text: string): Trouble => ({
  state: 'refused',
  code: 'WALR_ARCHIVE_REFUSED',
  line: new RegExp(
    `^walr: error: could not archive "[0-9A-F]{24}": .*(?:${text}).*; \\d+ files? waits? in the directory$`,
  ),
})

/** Makes an archive and a walr that works, and lets the storage fail for the segments that follow, until walr says so. */
async function untilTrouble(
  walr: RunningProgram,
  archive: S3Archive,
  put: FaultAction,
  trouble: Trouble,
): Promise<string> {
  await archive.untilAllArchived(await finishSegments(cluster, 2))
  archive.proxy.inject({ when: isSegmentPut, action: put })
  const names = [await finishSegments(cluster, 1), await finishSegments(cluster, 1), await finishSegments(cluster, 1)]
  await walr.waitForLine(trouble.line)
  const { archive: told, receiver } = await archive.untilStatus(
    `it tells of ${trouble.state}`,
    ({ archive: { state, backlog } }) => state === trouble.state && backlog.files >= 3,
  )
  expect(told.lastError?.code).toBe(trouble.code)
  // Law 7 and law 4: receiving goes on, and what is not confirmed stays where it is.
  expect(receiver.state).toBe('streaming')
  for (const name of names) {
    expect(serverSegment(cluster, name).equals(readFileSync(join(archive.receiveDirectory, name))), name).toBe(true)
  }
  return names[2] ?? ''
}

/** Nothing is missing, twice, altered or in quarantine. */
async function expectWhole(archive: S3Archive): Promise<void> {
  const archived = await archive.segments()
  expect(archived.length).toBeGreaterThanOrEqual(3)
  expect(isUnbroken(archived)).toBe(true)
  for (const name of archived) expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
  expect(await archive.quarantine()).toEqual([])
  expect((await archive.status())?.archive.quarantined).toEqual([])
  const stored = archive.proxy.requests.filter((seen) => isSegmentPut(seen) && seen.status === 200)
  expect(new Set(stored.map(({ path }) => path)).size).toBe(stored.length)
}

// Most of their time is spent waiting for walr's pauses.
describe.concurrent('an outage of the storage costs nothing but time, and is over by itself', () => {
  it.each<[string, FaultAction, Trouble, FaultAction?]>([
    ['409 ConditionalRequestConflict', { status: 409, code: 'ConditionalRequestConflict' }, outage('409')],
    ['429', { status: 429 }, outage('429')],
    ['500 InternalError', { status: 500, code: 'InternalError' }, outage('500')],
    ['a connection cut before the server saw the request', 'reset', outage('ECONNRESET|socket hang up')],
    ['a connection cut in place of the answer', 'lost-answer', outage('ECONNRESET|socket hang up')],
    ['a server that never answers', 'hang', outage('nothing was sent or received for 1000 ms')],
    ['an upload altered on the way', 'altered-upload', outage('400')],
    // The object is there: as long as it cannot be read, too, it stays unconfirmed.
    ['an answer with another ETag', 'wrong-etag', outage('ETag'), 'reset'],
    [
      'an answer of something that stores nothing',
      { status: 200, body: '<html>hello</html>' },
      outage('absent just after the server confirmed it'),
    ],
  ])('%s', async (_what, put, trouble, get) => {
    await using archive = await S3Archive.create(server, cluster, { storage: { requestTimeoutMs: 1000 } })
    await using walr = archive.startWalr()
    if (get) archive.proxy.inject({ when: isSegmentGet, action: get })
    const last = await untilTrouble(walr, archive, put, trouble)
    archive.proxy.clear()
    await archive.untilAllArchived(last)
    await walr.waitForLine(/^walr: the archive takes WAL again after \d+ s and \d+ attempts?; \d+ files wait$/)
    expect(await walr.stop()).toBe(0)
    await expectWhole(archive)
    expect(walr.stderr.filter((line) => line.startsWith('walr: error'))).toEqual([])
    expect(walr.stderr.filter((line) => trouble.line.test(line))).toHaveLength(1)
  })
})

it.concurrent('leaves the storage alone for as long as it asks to be', async () => {
  await using archive = await S3Archive.create(server, cluster, { archive: ['concurrency: 1'] })
  await using walr = archive.startWalr()
  const slowDown = { status: 503, code: 'SlowDown', headers: { 'retry-after': '5' } }
  const last = await untilTrouble(walr, archive, slowDown, outage('503 SlowDown'))
  const refusals = (): readonly SeenRequest[] => archive.proxy.requests.filter(({ status }) => status === 503)
  await waitFor('it asks again', () => refusals().length >= 2)
  const [first, second] = refusals().map(({ startedAtMs }) => startedAtMs)
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(5000)
  archive.proxy.clear()
  await archive.untilAllArchived(last)
  expect(await walr.stop()).toBe(0)
  await expectWhole(archive)
})

describe.concurrent('a refusal is told as an error, and repeated slowly', () => {
  it('403 AccessDenied is over by itself when it is corrected', async () => {
    await using archive = await S3Archive.create(server, cluster, { archive: ['concurrency: 1'] })
    await using walr = archive.startWalr()
    const denied = { status: 403, code: 'AccessDenied' }
    const last = await untilTrouble(walr, archive, denied, refused('AccessDenied'))
    const refusals = archive.proxy.requests.filter(({ status }) => status === 403)
    archive.proxy.clear()
    expect(refusals.length).toBeLessThanOrEqual(4)
    await archive.untilAllArchived(last)
    expect(await walr.stop()).toBe(0)
    await expectWhole(archive)
  })

  it.each<[string, FaultAction, Trouble]>([
    ['404 NoSuchBucket', { status: 404, code: 'NoSuchBucket' }, refused('NoSuchBucket')],
    ['412 for an object that is not there', { status: 412, code: 'PreconditionFailed' }, refused('could not read')],
  ])('%s loses nothing, and a new start goes on at once', async (_what, put, trouble) => {
    await using archive = await S3Archive.create(server, cluster)
    let last: string
    {
      await using walr = archive.startWalr()
      last = await untilTrouble(walr, archive, put, trouble)
      expect(await walr.stop('SIGTERM', 10_000)).toBe(0)
      expect(walr.stderr.join('\n')).toMatch(/\d+ files are not archived yet; the next start goes on with them/)
    }
    archive.proxy.clear()
    await using walr = archive.startWalr()
    await archive.untilAllArchived(last)
    expect(await walr.stop()).toBe(0)
    await expectWhole(archive)
  })
})

it.concurrent.each(['short-body', 'stalled-body', 'reset', { status: 500, code: 'InternalError' }] as const)(
  'archives the others while one object cannot be compared (%s)',
  async (get) => {
    await using archive = await S3Archive.create(server, cluster, { storage: { requestTimeoutMs: 1000 } })
    await using walr = archive.startWalr()
    await archive.untilAllArchived(await finishSegments(cluster, 2))
    archive.proxy.inject({ when: isSegmentPut, action: 'lost-answer', times: 1 })
    archive.proxy.inject({ when: isSegmentGet, action: get })
    await finishSegments(cluster, 1)
    await waitFor('the object is read', () => archive.proxy.requests.some(isSegmentGet))
    await archive.untilArchived(await finishSegments(cluster, 3))
    expect(archive.localSegments().length).toBeGreaterThanOrEqual(1)
    await archive.untilStatus(
      'it tells of the object that cannot be compared',
      ({ archive: { lastError } }) => lastError?.code === 'WALR_ARCHIVE_UNAVAILABLE',
    )
    archive.proxy.clear()
    await archive.untilAllArchived(await finishSegments(cluster, 1))
    expect(await walr.stop()).toBe(0)
    await expectWhole(archive)
    expect(walr.stderr.filter((line) => line.startsWith('walr: error'))).toEqual([])
  },
)

it('asks for the size of an object when the answer to its upload has no checksum, and archives it', async () => {
  await using archive = await S3Archive.create(server, cluster)
  await using walr = archive.startWalr()
  archive.proxy.inject({ when: isSegmentPut, action: 'no-checksum' })
  await archive.untilAllArchived(await finishSegments(cluster, 3))
  expect(await walr.stop()).toBe(0)
  expect(archive.proxy.count('HEAD', /\/wal\//)).toBe(archive.proxy.count('PUT', /\/wal\//))
  await expectWhole(archive)
})
