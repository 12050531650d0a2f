import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import {
  copyLocalPlace,
  makeLocalPlace,
  makeS3Place,
  makeSftpPlace,
  type LocalPlace,
  type S3Place,
  type SftpPlace,
} from '../support/recovery/archive-place.ts'
import { loseCluster, type LostCluster } from '../support/recovery/archived-cluster.ts'
import { writeOwned } from '../support/recovery/owned-files.ts'
import { readerArguments } from '../support/recovery/recover.ts'
import { callRestoreCommand } from '../support/recovery/restore-process.ts'
import { WalService } from '../support/recovery/wal-service.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'

/** The system identifier of another cluster. */
const FOREIGN = '7400000000000000001'
/** A segment that no archive here has. */
const NOWHERE = '0000000100000000000000EF'

const made = new AsyncDisposableStack()
let radosgw: Radosgw
let sshd: Sshd
let local: LocalPlace
let s3: S3Place
let sftp: SftpPlace
let lost: LostCluster
let stranger: WalService
let service: WalService
beforeAll(async () => {
  radosgw = made.use(await startRadosgw())
  sshd = made.use(await startSshd())
  local = made.use(makeLocalPlace())
  s3 = made.use(await makeS3Place(radosgw))
  sftp = made.use(await makeSftpPlace(sshd))
  lost = made.use(await loseCluster({ version: 17, places: [local, s3, sftp], rows: 3 }))
  const foreign = made.use(await copyLocalPlace(local))
  const root = join(foreign.directory, 'main', FOREIGN)
  renameSync(join(foreign.directory, 'main', lost.systemIdentifier), root)
  const identity = readFileSync(join(root, 'identity.json'), 'utf8')
  writeFileSync(join(root, 'identity.json'), identity.replaceAll(lost.systemIdentifier, FOREIGN))
  service = made.use(await WalService.start(local))
  stranger = made.use(await WalService.start(foreign))
})
afterAll(() => made.disposeAsync())

/** What a user may get wrong, as arguments of restore-command. */
const mistakes: Readonly<Record<string, () => string | Promise<string>>> = {
  'the bucket does not exist': () => readS3({ bucket: 'no-such-bucket' }),
  'the prefix in the bucket is another one': () => readS3({ prefix: 'other' }),
  'the secret key of S3 is another one': () => readS3({ secretAccessKey: 'x'.repeat(40) }),
  'the bucket is of somebody else': async () => {
    const owner = await radosgw.createUser('somebody')
    return readS3({ bucket: await radosgw.createBucket({ owner }) })
  },
  'nobody listens where S3 should be': async () => readS3({ endpoint: `http://127.0.0.1:${await freePort()}` }),
  'a web server is where S3 should be': async () => readS3({ endpoint: await webServer() }),
  'the directory of the SFTP server does not exist': () => readSftp({ directory: '/no/such/directory' }),
  'the directory of the SFTP server is another one': () => readSftp({ directory: sshd.makeFolder() }),
  'the prefix in the SFTP directory is another one': () => readSftp({ prefix: 'other' }),
  'the host key of the SFTP server is another one': () => readSftp({ hostKey: `SHA256:${'A'.repeat(43)}` }),
  'the user of the SFTP server is another one': () => readSftp({ username: 'nobody-at-all' }),
  'nobody listens where walr serve should be': async () => `--serve-addr http://127.0.0.1:${await freePort()}`,
  'a web server is where walr serve should be': async () => `--serve-addr ${await webServer()}`,
  'walr serve gets no token': () => `--serve-addr ${service.proxy.endpoint}`,
  'walr serve gets another token': () => {
    const file = writeOwned(join(local.folder, 'wrong.token'), 'another-token-of-the-same-kind\n')
    return `--serve-addr ${service.proxy.endpoint} --serve-token-file "${file}"`
  },
  'walr serve has the WAL of another cluster': () => stranger.args,
}

function readS3(storage: Readonly<Record<string, unknown>>): string {
  return readerArguments(s3, { storage: { ...s3.reader, ...storage } })
}

function readSftp(storage: Readonly<Record<string, unknown>>): string {
  return readerArguments(sftp, { storage: { ...sftp.reader, ...storage } })
}

/** Answers "not found" to everything. */
async function webServer(): Promise<string> {
  const server = createServer((_, response) =>
    response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>no</h1>'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  made.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('it is never "absent" when', () => {
  it.each(Object.entries(mistakes))('%s', async (_, args) => {
    const line = `${await args()} --timeout=1s`
    const result = await callRestoreCommand(lost.base, line, NOWHERE)
    expect(result, result.stderr).toMatchObject({ status: 255, bytes: undefined, left: [] })
    expect(result.stderr).toMatch(/^walr: error: /m)
    expect(result.stderr).not.toMatch(/^ +at |unexpected/m)
  })
})

it.each<[string, () => string]>([
  ['S3', () => readerArguments(s3)],
  ['SFTP', () => readerArguments(sftp)],
  ['walr serve', () => service.args],
])('is "absent" for what %s certainly does not have, and a file for what it has', async (_, args) => {
  const there = await callRestoreCommand(lost.base, args(), lost.row(3).segment)
  expect(there, there.stderr).toMatchObject({ status: 0, left: [] })
  expect(there.bytes?.length).toBe(1_048_576)
  const absent = await callRestoreCommand(lost.base, args(), NOWHERE)
  expect(absent, absent.stderr).toMatchObject({ status: 1, bytes: undefined, left: [] })
})
