import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isSystemError } from '../../packages/core/src/errors/system-error.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { finishSegments } from '../support/wal-traffic.ts'
import { runWalr } from '../support/walr-process.ts'
import { isSegmentPut, keyLine, newKey, S3Archive, type S3ArchiveOptions } from './s3-archive.ts'

let server: Radosgw
let cluster: PostgresCluster

const password = `db-${randomBytes(9).toString('hex')}`
const passphrase = `horse battery ${randomBytes(6).toString('hex')}`
const key = newKey('main')
const wrong = randomBytes(20).toString('hex')

beforeAll(async () => {
  server = await startRadosgw()
  cluster = await startCluster({
    version: 17,
    settings: { wal_keep_size: '1GB', max_replication_slots: '60' },
    hba: ['host all all 127.0.0.1/32 scram-sha-256', 'host replication all 127.0.0.1/32 scram-sha-256'],
  })
  await cluster.exec(`create role receiver superuser replication login password '${password}'`)
})
afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await server.stop()
})

/** Parts of secrets that are long enough to be no accident. */
function traces(): readonly string[] {
  const texts = [password, passphrase, server.secretAccessKey, wrong, key.bytes.toString('base64')]
  const encoded = [...texts.map((text) => Buffer.from(text)), key.bytes].flatMap((bytes) => [
    bytes.toString('hex'),
    bytes.toString('base64'),
  ])
  return [...texts, ...texts.map((text) => encodeURIComponent(text)), ...encoded].flatMap((text) => [
    text.slice(0, 14),
    text.slice(-14),
  ])
}

function expectNoSecret(what: string, text: string): void {
  const found = traces().filter((trace) => text.includes(trace))
  expect(found, `${what}:\n${text.slice(0, 20_000)}`).toEqual([])
}

const good = (): S3ArchiveOptions => ({
  connection: { host: cluster.host, port: cluster.port, user: 'receiver', password },
  encryption: { key: keyLine(key), oldPassphrases: [passphrase] },
})

/** Everything that walr shows of itself while it runs and afterwards. */
async function expectDiscretion(archive: S3Archive, walr: RunningProgram, format: string): Promise<void> {
  expectNoSecret('stdout', walr.stdout.join('\n'))
  expectNoSecret('stderr', walr.stderr.join('\n'))
  for (const path of filesBelow(join(archive.receiveDirectory, '.walr'))) {
    expectNoSecret(path, readFileSync(path, 'latin1'))
  }
  const { configFile } = archive
  for (const argv of [...commandsFor(format), ['status', '--json']]) {
    const { stdout, stderr } = await runWalr([...argv, '--config', configFile])
    expect((stdout + stderr).length).toBeGreaterThan(0)
    expectNoSecret(argv.join(' '), stdout + stderr)
  }
}

function commandsFor(format: string): readonly (readonly string[])[] {
  const flag = format === 'json' ? '--json' : '-v'
  return [
    ['config', 'show', flag],
    ['config', 'validate', flag],
  ]
}

function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path))
  return paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
}

/** What `ps` shows of a process and its threads. Those that have ended in the meantime show nothing. */
function titles(pid: number): string {
  const folder = `/proc/${pid}`
  const threads = existsSync(`${folder}/task`) ? readdirSync(`${folder}/task`) : []
  return [`${folder}/cmdline`, ...threads.map((id) => `${folder}/task/${id}/comm`)].map(contentOf).join('\n')
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH')) return ''
    throw error
  }
}

// Most of their time is spent waiting.
describe.concurrent.each(['text', 'json'])('secrets are in no message (%s), no file and no title', (format) => {
  const start = (archive: S3Archive): RunningProgram => archive.startWalr(['-v', '-v', '--log-format', format])

  it('while all goes well, and when WAL turns out to be missing', async () => {
    await using archive = await S3Archive.create(server, cluster, good())
    {
      await using walr = start(archive)
      await archive.untilAllArchived(await finishSegments(cluster, 4))
      expect(titles(walr.pid)).toContain('receive')
      expectNoSecret('titles', titles(walr.pid))
      expect(await walr.stop()).toBe(0)
      await expectDiscretion(archive, walr, format)
    }
    // Its predecessor is gone from the archive when the next segment is archived: that is a gap.
    const segments = await archive.segments()
    for (const name of segments.slice(-3, -1)) await archive.remove(archive.segmentKey(name))
    await using walr = start(archive)
    await walr.waitForLine(/WAL is missing/)
    await archive.untilArchived(await finishSegments(cluster, 1))
    await walr.stop()
    await expectDiscretion(archive, walr, format)
    const plain = (await archive.keys()).filter((name) => name.endsWith('.json'))
    expect(plain.some((name) => name.includes('/gaps/'))).toBe(true)
    expect(plain.some((name) => name.endsWith('/identity.json'))).toBe(true)
    for (const name of await archive.keys()) expectNoSecret(name, (await archive.object(name)).toString('latin1'))
  })

  it('while an object in the archive needs another key', async () => {
    await using archive = await S3Archive.create(server, cluster, good())
    await using walr = start(archive)
    await archive.untilAllArchived(await finishSegments(cluster, 1))
    await plantNext(archive)
    await finishSegments(cluster, 22)
    await walr.waitForLine(/needs the key/)
    expect(await walr.stop()).toBe(0)
    await expectDiscretion(archive, walr, format)
  })

  it.each<[string, () => S3ArchiveOptions, (archive: S3Archive) => void | Promise<void>, RegExp]>([
    [
      'the storage refuses and repeats the secret',
      good,
      ({ proxy }) => {
        const body = `<Error><Code>AccessDenied</Code><Message>no ${server.secretAccessKey}</Message></Error>`
        proxy.inject({ when: isSegmentPut, action: { status: 403, body } })
      },
      /AccessDenied/,
    ],
    [
      'the storage is out of order',
      good,
      ({ proxy }) => proxy.inject({ when: isSegmentPut, action: { status: 500, code: 'InternalError' } }),
      /InternalError/,
    ],
    [
      'the connection to the storage breaks',
      good,
      ({ proxy }) => proxy.inject({ when: isSegmentPut, action: 'reset' }),
      /wait in the directory/,
    ],
    [
      'the key of the storage is wrong',
      () => ({ ...good(), storage: { secretAccessKey: wrong } }),
      () => undefined,
      /SignatureDoesNotMatch/,
    ],
    ['the storage is away', () => good(), ({ proxy }) => proxy.stop(), /ECONNREFUSED/],
    [
      'the server wants another password',
      () => ({ ...good(), connection: { host: cluster.host, port: cluster.port, user: 'receiver', password: wrong } }),
      () => undefined,
      /password authentication failed/,
    ],
  ])('while %s', async (_what, options, disturb, line) => {
    await using archive = await S3Archive.create(server, cluster, options())
    await disturb(archive)
    await using walr = start(archive)
    const load = finishSegments(cluster, 3)
    await walr.waitForLine(line, { deadlineMs: 60_000 })
    await load
    expectNoSecret('titles', titles(walr.pid))
    await walr.stop()
    await expectDiscretion(archive, walr, format)
  })

  it.each<[string, () => S3ArchiveOptions, RegExp]>([
    [
      'a key is cut',
      () => ({ ...good(), encryption: { key: keyLine(key).slice(0, -4) } }),
      /plugin-crypto.*codecs.1..key.*bytes, not 32/,
    ],
    ['a key has a letter too many', () => ({ ...good(), encryption: { key: `${keyLine(key)}x` } }), /base64/],
    ['a key is no text', () => ({ ...good(), encryption: { key: [keyLine(key)] } }), /expected text/],
    [
      'there are a key and a passphrase',
      () => ({ ...good(), encryption: { key: keyLine(key), passphrase } }),
      /exactly one of/,
    ],
    [
      'the name of a secret option is misspelt',
      () => ({
        ...good(),
        storage: { secretAcessKey: wrong },
        encryption: { key: keyLine(key), oldPasphrases: [passphrase] },
      }),
      /did you mean .*secretAccessKey/,
    ],
    [
      'a secret is no text',
      () => ({ ...good(), storage: { secretAccessKey: [server.secretAccessKey], sessionToken: { token: wrong } } }),
      /secretAccessKey/,
    ],
    [
      'a connection setting is unknown',
      () => ({ ...good(), connection: { host: cluster.host, pasword: password, password: wrong } }),
      /pasword/,
    ],
  ])('where %s in the configuration', async (_what, options, line) => {
    await using archive = await S3Archive.create(server, cluster, options())
    await using walr = start(archive)
    await walr.waitForLine(line)
    expect(await walr.ended()).toBe(1)
    await expectDiscretion(archive, walr, format)
    const folder = dirname(archive.configFile)
    expect(readdirSync(folder).toSorted()).toEqual(['node_modules', 'receive', 'walr.config.yaml', 'walr.key'])
  })
})

/** Puts an object of another key under the name of a segment that is finished soon. */
async function plantNext(archive: S3Archive): Promise<void> {
  const name = await cluster.text('select pg_walfile_name(pg_current_wal_insert_lsn() + 20 * 1048576)')
  await archive.plantEncoded(archive.segmentKey(name), Buffer.alloc(1_048_576), newKey('other'))
}
