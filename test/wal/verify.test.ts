import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LocalArchive } from '../archive/local-archive.ts'
import type { PostgresVersion } from '../support/postgres-binaries.ts'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { runTool } from '../support/pg-tools.ts'
import { makeScratch } from '../support/scratch.ts'
import { promote } from '../support/standby.ts'
import { finishSegments } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'
import { ArchiveCopy, verify } from './verified-archive.ts'

const settings = { wal_keep_size: '1GB', wal_buffers: '64kB', autovacuum: 'off' }

/** Rows with indexes and full pages, and a record of several megabytes. */
async function traffic(cluster: PostgresCluster): Promise<void> {
  await cluster.exec('create table if not exists t (i int primary key, t text)')
  await cluster.exec(
    `insert into t select g, md5(g::text) from generate_series(1, 5000) g on conflict (i) do update set t = ''`,
  )
  await cluster.exec('checkpoint')
  await cluster.exec(`update t set t = md5(random()::text) where i % 3 = 0`)
  await cluster.exec(`select pg_logical_emit_message(false, 'walr', repeat(md5(random()::text), 100000))`)
  await finishSegments(cluster, 1)
}

/** Kills the server while it writes a record that is far longer than its buffers, and starts it again. */
async function crashWithinRecord(cluster: PostgresCluster): Promise<void> {
  const before = await cluster.text('select pg_current_wal_insert_lsn()')
  const sending = cluster
    .exec(`select pg_logical_emit_message(false, 'walr', repeat('x', 200000000))`)
    .catch(() => undefined)
  await waitFor('some of the record is written', async () => {
    return (
      (await cluster.text('select pg_wal_lsn_diff(pg_current_wal_lsn(), $1::pg_lsn) > 4000000', [before])) === 'true'
    )
  })
  await cluster.kill()
  await sending
  await cluster.start()
}

/** An archive of a server that crashed and was promoted; walr does not run any more. */
async function archiveOf(version: PostgresVersion): Promise<LocalArchive> {
  await using first = await startCluster({ version, settings })
  const archive = await LocalArchive.create(first)
  {
    await using walr = archive.startWalr()
    await traffic(first)
    await crashWithinRecord(first)
    await traffic(first)
    await archive.untilArchived(await finishSegments(first, 1))
    expect(await walr.stop()).toBe(0)
  }
  await first.stop()
  await using second = await startCluster({
    version,
    copyOf: first.dataDirectory,
    signalFiles: ['standby.signal'],
    settings,
  })
  await promote(second)
  archive.connectTo(second)
  await using walr = archive.startWalr()
  await traffic(second)
  await archive.untilArchived(await finishSegments(second, 1))
  expect(await walr.stop()).toBe(0)
  return archive
}

const versions = [13, 15, 18] as const
const archives = new Map<PostgresVersion, LocalArchive>()

function archive(version: PostgresVersion = 15): LocalArchive {
  const found = archives.get(version)
  if (!found) throw new Error(`no archive of ${version}`)
  return found
}

beforeAll(async () => {
  await Promise.all(versions.map(async (version) => archives.set(version, await archiveOf(version))))
})
afterAll(async () => {
  for (const each of archives.values()) await each[Symbol.asyncDispose]()
})

describe.each(versions)('the archive of a PostgreSQL %i', (version) => {
  it('is good, after a crash within a record, and a promotion', async () => {
    const { configFile, receiveDirectory } = archive(version)
    const deep = await verify('--config', configFile, '--deep')
    expect(deep.findings).toEqual([])
    expect(deep).toMatchObject({ status: 'good', exitStatus: 0, mode: 'deep', skippedSegments: 0 })
    const segments = await archive(version).segments()
    expect(deep.segments).toBe(segments.length)
    expect(deep.records).toBeGreaterThan(10_000)
    const pages = await Promise.all(segments.map(async (name) => flagsOfPages(await archive(version).read(name))))
    expect(pages.flat().some((flags) => (flags & 0x0008) !== 0)).toBe(true)
    expect(await verify('--config', configFile, '-D', receiveDirectory)).toMatchObject({ findings: [] })
  })
})

it('counts the records that pg_waldump finds', async () => {
  const { configFile } = archive(15)
  const { records, findings } = await verify('--config', configFile, '--deep', '--timeline', '1')
  expect(findings).toEqual([])
  await using scratch = makeScratch('waldump')
  const segments = (await archive(15).segments()).filter((name) => name.startsWith('00000001'))
  for (const name of segments) writeFileSync(join(scratch.path, name), await archive(15).read(name))
  const [first = '', last = ''] = [segments[0], segments.at(-1)]
  const { stdout } = await runTool('pg_waldump', ['--path', scratch.path, first, last])
  expect(records).toBe(stdout.split('\n').filter((line) => line.startsWith('rmgr:')).length)
})

describe('walr wal list', () => {
  it('shows timelines and ranges', async () => {
    const listed = await runWalr(['wal', 'list', '--config', archive().configFile])
    expect(listed).toMatchObject({ exitCode: 0, stderr: '' })
    const segments = await archive().segments()
    expect(listed.stdout).toContain(segments[0])
    expect(listed.stdout).toContain(segments.at(-1))
    expect(listed.stdout).toMatch(/^2 +1 at [0-9A-F]+\/[0-9A-F]+ /m)
    expect(listed.stdout).not.toContain('MISSING')
    expect(listed.stdout).toContain(`total: ${segments.length} segments`)
  })

  it('shows holes, and says nothing at all when the storage is away', async () => {
    using copy = new ArchiveCopy(archive().archiveDirectory)
    copy.remove(copy.segmentKey(2), copy.segmentKey(3))
    const listed = await runWalr(['wal', 'list', '--config', copy.configFile])
    expect(listed.exitCode).toBe(0)
    expect(listed.stdout).toMatch(/ 2 +MISSING$/m)
    copy.takeAway()
    for (const args of [['list'], ['list', '--json'], ['verify'], ['verify', '--names', '--json']]) {
      const away = await runWalr(['wal', ...args, '--config', copy.configFile])
      expect(away).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('error: ') as string })
    }
  })
})

describe('walr wal verify', () => {
  it('tells an altered byte of the WAL from a good one only with --deep', async () => {
    using copy = new ArchiveCopy(archive().archiveDirectory)
    const key = copy.segmentKey(3)
    copy.alterWal(key, (bytes) => (bytes[8192 * 20 + 3000] = (bytes[8192 * 20 + 3000] ?? 0) ^ 1))
    expect(await copy.verify()).toMatchObject({ exitStatus: 0, findings: [] })
    const { exitStatus, findings } = await copy.verify('--deep')
    expect(exitStatus).toBe(4)
    expect(findings[0]).toMatchObject({ severity: 'damaged', code: 'WALR_SEGMENT_CORRUPT' })
    expect([copy.segmentName(2), copy.segmentName(3)]).toContain(findings[0]?.where)
  })

  it('finds objects that are altered, cut, another one, of another cluster, and empty', async () => {
    using copy = new ArchiveCopy(archive().archiveDirectory)
    const [flipped, cut, other, foreign, empty] = [1, 2, 3, 4, 5].map((index) => copy.segmentKey(index)) as [
      string,
      string,
      string,
      string,
      string,
    ]
    copy.alter(flipped, (bytes) => bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] ?? 0) ^ 0x40))
    copy.alter(cut, (bytes) => bytes.subarray(0, bytes.length - 100))
    copy.copy(copy.segmentKey(8), other)
    copy.alterWal(foreign, (bytes) => bytes.writeBigUInt64LE(7_710_455_225_707_828_463n, 24))
    copy.alter(empty, () => Buffer.alloc(0))
    const { exitStatus, findings } = await copy.verify()
    expect(exitStatus).toBe(4)
    const found = findings.map(({ severity, code, where }) => [severity, code, where])
    expect(found).toEqual([
      // Whichever notices first: the pages, or the checksum at the end.
      ['damaged', expect.stringMatching(/CORRUPT/), flipped],
      ['damaged', 'WALR_OBJECT_CORRUPT', cut],
      ['damaged', 'WALR_SEGMENT_CORRUPT', other],
      ['damaged', 'WALR_WRONG_CLUSTER', foreign],
      ['damaged', 'WALR_OBJECT_CORRUPT', empty],
    ])
    const shown = await runWalr(['wal', 'verify', '--config', copy.configFile])
    expect(shown).toMatchObject({ exitCode: 4, stderr: '' })
    expect(shown.stdout).toContain('result: WAL IS DAMAGED')
    expect(shown.stdout).toMatch(/^SEVERITY +WHERE +LSN +WHAT/)
  })

  it('finds missing segments, between timelines too, and histories', async () => {
    using copy = new ArchiveCopy(archive().archiveDirectory)
    const lastOfFirst = copy.segmentKey(-1, 1)
    const firstOfSecond = copy.segmentKey(0, 2)
    copy.remove(copy.segmentKey(4), firstOfSecond)
    const missing = await copy.verify('--names')
    expect(missing.exitStatus).toBe(3)
    expect(missing.findings.map(({ severity, what }) => [severity, what])).toEqual([
      ['missing', 'the segment is missing'],
      ['missing', 'the segment is missing'],
    ])
    expect(lastOfFirst).not.toBe('')
    const history = copy.keys().find((key) => key.endsWith('00000002.history')) ?? ''
    copy.alter(history, () => Buffer.from('1\tnonsense\n'))
    expect(await copy.verify('--names')).toMatchObject({ exitStatus: 4, findings: [{ where: '00000002.history' }, {}] })
    copy.remove(history)
    const lost = await copy.verify('--names')
    expect(lost.exitStatus).toBe(3)
    expect(lost.findings.map(({ where }) => where)).toContain('00000002.history')
  })

  it('takes recorded gaps, odd names, copies and quarantine for something that deserves a look', async () => {
    using copy = new ArchiveCopy(archive().archiveDirectory)
    const key = copy.segmentKey(4)
    const at = BigInt(`0x${copy.segmentName(4).slice(16)}`) * 1_048_576n
    const hex = (lsn: bigint): string => lsn.toString(16).toUpperCase().padStart(16, '0')
    copy.remove(key)
    copy.write(`${copy.system}/gaps/${hex(at)}-${hex(at + 1_048_576n)}.json`, '{}')
    copy.write(`${copy.system}/wal/00000001/mine.txt`, 'hello')
    copy.copy(copy.segmentKey(1), copy.segmentKey(1).replace('.zst', '.gz'))
    copy.write(`${copy.system}/quarantine/${copy.segmentName(1)}-${'0'.repeat(32)}.zst`, 'x')
    const { exitStatus, findings } = await copy.verify('--names')
    expect(exitStatus).toBe(2)
    expect(findings.map(({ what }) => what)).toEqual([
      'the segment is missing; the gap is recorded',
      'has a name that walr does not give',
      'is in quarantine: its name was taken by other bytes',
      'a segment is there under several suffixes, this one first',
    ])
    // A copy that is none is damage all the same.
    expect((await copy.verify()).exitStatus).toBe(4)
  })

  it('looks only at what is wanted, and demands that it is there', async () => {
    using copy = new ArchiveCopy(archive().archiveDirectory)
    copy.alter(copy.segmentKey(1), () => Buffer.from('x'))
    const from = copy.segmentName(5)
    const all = copy.segmentKeys(1).length + copy.segmentKeys(2).length
    const behind = await copy.verify('--from', from)
    expect(behind).toMatchObject({ exitStatus: 0, segments: all - 5 })
    expect(await copy.verify('--from', from, '--to', copy.segmentName(6))).toMatchObject({ exitStatus: 0, segments: 2 })
    const end = `FF/0`
    expect(await copy.verify('--from', from, '--to', end)).toMatchObject({ exitStatus: 3 })
    expect(await copy.verify('--from', '0/0', '--names')).toMatchObject({ exitStatus: 3 })
    const wrong = await runWalr(['wal', 'verify', '--config', copy.configFile, '--from', 'nonsense'])
    expect(wrong).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('--from') as string })
  })

  it('goes on behind what it has verified when it was interrupted', async () => {
    using copy = new ArchiveCopy(archive().archiveDirectory)
    const [reached, open] = [copy.path('reached'), copy.path('open')]
    const gate = { key: copy.segmentKey(12), reached, open }
    copy.useGatedStorage(gate)
    const resume = copy.path('verified.json')
    const args = ['--deep', '--jobs', '1', '--resume', resume]
    {
      await using running = startWalr(['wal', 'verify', '--config', copy.configFile, ...args])
      await waitFor('the gate is reached', () => existsSync(reached))
      expect(await running.stop('SIGINT')).toBe(1)
      expect(running.stderr.join('\n')).toContain(`what was verified is kept in "${resume}"`)
    }
    writeFileSync(open, '')
    const all = copy.segmentKeys(1).length + copy.segmentKeys(2).length
    const second = await copy.verify(...args)
    expect(second).toMatchObject({ exitStatus: 0, findings: [] })
    expect(second.skippedSegments).toBeGreaterThan(4)
    expect(second.skippedSegments + second.segments).toBe(all)
    expect(await copy.verify(...args)).toMatchObject({ exitStatus: 0, segments: 0, skippedSegments: all })
    // An object that has changed since is looked at again.
    copy.alter(copy.segmentKey(3), (bytes) => bytes.subarray(0, 1000))
    expect(await copy.verify(...args)).toMatchObject({ exitStatus: 4 })
    const other = await runWalr(['wal', 'verify', '--config', archive(18).configFile, '--deep', '--resume', resume])
    expect(other).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('is of another archive') as string })
    const mode = await runWalr(['wal', 'verify', '--config', copy.configFile, '--resume', resume])
    expect(mode).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('with --deep') as string })
  })
})

function flagsOfPages(segment: Buffer): readonly number[] {
  const flags: number[] = []
  for (let at = 0; at < segment.length; at += 8192) flags.push(segment.readUInt16LE(at + 2))
  return flags
}
