import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { runTool } from '../support/pg-tools.ts'
import { childrenOf } from '../support/process-table.ts'
import { startRadosgw } from '../support/radosgw/radosgw.ts'
import { makeScratch } from '../support/scratch.ts'
import { promote, startStandby, untilCaughtUp } from '../support/standby.ts'
import { unprivilegedUser } from '../support/unprivileged-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { runWalr, startWalr } from '../support/walr-process.ts'
import { finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { isSegmentPut, isUnbroken, S3Archive } from './s3-archive.ts'
import { acknowledgedFiles, archiverCounts, ServerArchive, waitingFiles } from './server-archive.ts'

const inWal = (cluster: PostgresCluster, name: string): Buffer =>
  readFileSync(join(cluster.dataDirectory, 'pg_wal', name))

/** Lets the server archive from here on. */
async function setCommand(cluster: PostgresCluster, command: string): Promise<void> {
  cluster.configure({ archive_command: command })
  cluster.reload()
  await waitFor('the command is set', async () => (await cluster.text('show archive_command')) === command)
}

it.each([13, 18] as const)(
  'brings what PostgreSQL %i archives into the archive: segments, backup histories, and a promotion’s files',
  async (version) => {
    await using archive = new ServerArchive()
    await using cluster = await startCluster({ version, settings: archive.settings() })
    await finishSegments(cluster, 3)
    await takeBackup(cluster)
    const last = await finishSegments(cluster, 2)
    await archive.untilArchived(cluster, last)
    const [backupHistory = ''] = archive.keys().filter((key) => key.startsWith('backup-history/'))
    expect(backupHistory).toMatch(/^backup-history\/[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/)
    expect(archive.read(backupHistory).equals(inWal(cluster, backupHistory.slice(15)))).toBe(true)
    expect(archive.segments().length).toBeGreaterThanOrEqual(6)
    expect(archive.wrong(cluster)).toEqual([])
    expect(JSON.parse(archive.read('identity.json').toString())).toMatchObject({ serverVersion: String(version) })

    await using standby = await startStandby(cluster)
    await cluster.exec('create table rows as select generate_series(1, 1000) as number')
    await untilCaughtUp(standby, cluster)
    await cluster.stop('immediate')
    await promote(standby)
    const partial = `${await lastSegmentOf(standby)}.partial`
    await archive.untilArchived(standby, partial)
    await archive.untilArchived(standby, '00000002.history')
    await archive.untilArchived(standby, await finishSegments(standby, 2))
    expect(archive.read('history/00000002.history').equals(inWal(standby, '00000002.history'))).toBe(true)
    expect(archive.read(`partial/00000001/${partial}.zst`).equals(inWal(standby, partial))).toBe(true)
    const newer = archive.segments().filter((name) => name.startsWith('00000002'))
    expect(newer.length).toBeGreaterThanOrEqual(2)
    for (const name of newer) {
      expect(archive.read(`wal/00000002/${name}.zst`).equals(serverSegment(standby, name)), name).toBe(true)
    }
    expect(archive.keys().filter((key) => key.startsWith('quarantine/'))).toEqual([])
  },
)

it('archives ahead: most calls only find that their file is there', async () => {
  await using archive = new ServerArchive()
  const settings = { ...archive.settings(), archive_command: 'false' }
  await using cluster = await startCluster({ version: 17, settings })
  const last = await finishSegments(cluster, 16)
  await setCommand(cluster, archive.command())
  await finishSegments(cluster, 1)
  await archive.untilArchived(cluster, last)
  expect(archive.wrong(cluster)).toEqual([])
  const used = new Set(cluster.log.match(/"[0-9A-F]{24}" was archived ahead/g))
  expect(used.size).toBeGreaterThanOrEqual(12)
  await waitFor('no acknowledgement is left over', () => acknowledgedFiles(cluster).length === 0)
})

it('fails while the storage is away, and loses nothing', async () => {
  await using archive = new ServerArchive()
  await using cluster = await startCluster({ version: 18, settings: archive.settings('--timeout=1s') })
  await archive.untilArchived(cluster, await finishSegments(cluster, 2))
  archive.takeAway()
  const names = [await finishSegments(cluster, 1), await finishSegments(cluster, 1), await finishSegments(cluster, 1)]
  await waitFor('the archiver has failed', async () => (await archiverCounts(cluster)).failed > 0)
  expect(waitingFiles(cluster)).toEqual(expect.arrayContaining(names))
  expect(cluster.log).toContain('walr: error: could not ')
  expect(existsSync(archive.directory)).toBe(false)
  archive.bringBack()
  const last = await finishSegments(cluster, 1)
  await archive.untilArchived(cluster, last)
  expect(archive.segments()).toEqual(expect.arrayContaining([...names, last]))
  expect(archive.wrong(cluster)).toEqual([])
})

it('puts the WAL of another server of the same name into quarantine, and PostgreSQL keeps it', async () => {
  await using archive = new ServerArchive()
  await using cluster = await startCluster({ version: 17, settings: archive.settings(), start: false })
  // The same cluster, and another way from here on.
  await using other = await startCluster({
    version: 17,
    copyOf: cluster.dataDirectory,
    settings: archive.settings(),
    start: false,
  })
  await cluster.start()
  await archive.untilArchived(cluster, await finishSegments(cluster, 2))
  await cluster.stop()
  const archived = archive.segments()
  await other.start()
  await finishSegments(other, 2)
  await waitFor('PostgreSQL was told', async () => (await archiverCounts(other)).failed > 0)
  expect(other.log).toContain('the archive has other WAL under the name of segment')
  expect(other.log).toContain('PostgreSQL keeps its file, and tries again for ever')
  const quarantined = archive.keys().filter((key) => key.startsWith('quarantine/'))
  expect(quarantined.length).toBeGreaterThanOrEqual(1)
  const refused = quarantined.map((key) => key.slice(11, 35))
  expect(waitingFiles(other)).toEqual(expect.arrayContaining([refused[0]]))
  for (const name of archived)
    expect(archive.read(`wal/00000001/${name}.zst`).equals(serverSegment(cluster, name))).toBe(true)
  for (const [index, key] of quarantined.entries()) {
    expect(archive.read(key).equals(serverSegment(other, refused[index] ?? ''))).toBe(true)
  }
})

it('survives being killed, and the server with it, at any moment', async () => {
  await using archive = new ServerArchive()
  const settings = { ...archive.settings(), archive_command: 'false' }
  await using cluster = await startCluster({ version: 18, settings })
  await finishSegments(cluster, 12)
  const [first = ''] = waitingFiles(cluster)
  const user = unprivilegedUser()
  for (let round = 0; round < 8; round += 1) {
    const args = ['archive-command', '--config', archive.configFile, `pg_wal/${waitingFiles(cluster)[round] ?? ''}`]
    await using walr = startWalr(args, { cwd: cluster.dataDirectory, ...(user && { user }) })
    await waitFor('it runs', () => childrenOf(walr.pid).length > 0, { intervalMs: 2 })
    await waitFor('it has come a part of its way', pastMs(50 + round * 40), { intervalMs: 2 })
    for (const pid of childrenOf(walr.pid)) process.kill(pid, 'SIGKILL')
    const exitCode = await walr.ended()
    if (round < 2) expect(exitCode).not.toBe(0)
  }
  await setCommand(cluster, archive.command())
  for (let round = 0; round < 2; round += 1) {
    await finishSegments(cluster, 4)
    await waitFor('walr runs', () => isArchiving(cluster), { intervalMs: 5 })
    await waitFor('it has come a part of its way', pastMs(100 + round * 100), { intervalMs: 5 })
    await cluster.kill()
    await cluster.start()
  }
  const last = await finishSegments(cluster, 1)
  await archive.untilArchived(cluster, last)
  await waitFor('nothing waits', () => waitingFiles(cluster).length === 0)
  const archived = archive.segments()
  expect([archived[0], archived.at(-1)]).toEqual([first, last])
  expect(isUnbroken(archived)).toBe(true)
  expect(archive.wrong(cluster)).toEqual([])
  expect(archive.keys().filter((key) => key.startsWith('quarantine/'))).toEqual([])
})

it('takes the same files from a primary and from a standby that archives always, over a promotion', async () => {
  await using archive = new ServerArchive()
  await using primary = await startCluster({ version: 17, settings: archive.settings('', 'always') })
  await using first = await startStandby(primary)
  await using second = await startStandby(primary)
  await finishSegments(primary, 3)
  for (const standby of [first, second]) await untilCaughtUp(standby, primary)
  const last = await finishSegments(primary, 1)
  for (const server of [primary, first, second]) await archive.untilArchived(server, last)
  await primary.exec('create table rows as select generate_series(1, 1000) as number')
  for (const standby of [first, second]) await untilCaughtUp(standby, primary)
  await primary.stop('immediate')
  await promote(first)
  second.configure({ primary_conninfo: first.conninfo() })
  second.reload()
  const newer = await finishSegments(first, 2)
  for (const server of [first, second]) await archive.untilArchived(server, newer)
  const left = await lastSegmentOf(first)
  await archive.untilArchived(first, `${left}.partial`)
  // The other standby has it under the name of a whole segment.
  await archive.untilArchived(second, left)
  expect(archive.segments()).not.toContain(left)
  expect(archive.keys()).toContain(`partial/00000001/${left}.partial.zst`)
  expect(archive.keys().filter((key) => key.startsWith('quarantine/'))).toEqual([])
  for (const name of archive.segments().filter((segment) => segment.startsWith('00000002'))) {
    expect(archive.read(`wal/00000002/${name}.zst`).equals(serverSegment(first, name)), name).toBe(true)
  }
})

it('archives into S3, encrypted, what the receiver would, and takes its objects for its own', async () => {
  const gateway = await startRadosgw()
  try {
    await using cluster = await startCluster({
      version: 15,
      settings: { archive_mode: 'on', archive_command: 'false', wal_keep_size: '1GB' },
    })
    await using archive = await S3Archive.create(gateway, cluster)
    const run = async (name: string, ...more: readonly string[]): Promise<string> => {
      const args = ['archive-command', '--config', archive.configFile, '-v', ...more, `pg_wal/${name}`]
      const { exitCode, stderr } = await runWalr(args, { cwd: cluster.dataDirectory })
      // As PostgreSQL does: what is done is not archived ahead again.
      const status = join(cluster.dataDirectory, 'pg_wal/archive_status', name)
      if (exitCode === 0 && existsSync(`${status}.ready`)) renameSync(`${status}.ready`, `${status}.done`)
      return `${exitCode ?? 'killed'} ${stderr}`
    }
    await finishSegments(cluster, 4)
    const [first = '', ...others] = waitingFiles(cluster)
    expect(await run(first)).toMatch(/^0 /)
    for (const name of others) expect(await run(name)).toMatch(/^0 walr: "[0-9A-F]{24}" was archived ahead\n$/)
    expect(await archive.segments()).toEqual([first, ...others])
    for (const name of [first, ...others]) {
      expect((await archive.read(name)).equals(serverSegment(cluster, name)), name).toBe(true)
    }
    const { requests } = archive.proxy
    const puts = requests.filter(({ method, path }) => method === 'PUT' && path.includes('/wal/'))
    expect(puts).toHaveLength(others.length + 1)
    await using walr = archive.startWalr()
    const last = await finishSegments(cluster, 1)
    await archive.untilArchived(last)
    expect(await walr.stop()).toBe(0)
    expect(await run(last)).toMatch(/^0 walr: archived/)
    expect(await archive.quarantine()).toEqual([])

    // The server does it and its answer is lost, or it has no time: the object is compared, or stored again.
    archive.proxy.inject({ when: isSegmentPut, action: 'lost-answer', times: 1 })
    archive.proxy.inject({ when: isSegmentPut, action: { status: 503, code: 'SlowDown' }, times: 1 })
    const troubled = await finishSegments(cluster, 1)
    expect(await run(troubled)).toMatch(/^0 .*trying again.*archived/s)
    // An object that is altered on its way, and no permission.
    for (const action of ['altered-upload', { status: 403, code: 'AccessDenied' }] as const) {
      archive.proxy.inject({ when: isSegmentPut, action, times: 1 })
      const name = await finishSegments(cluster, 1)
      expect(await run(name, '--timeout=0')).toMatch(/^1 walr: error: could not archive /)
      expect(await archive.segments()).not.toContain(name)
      expect(await run(name)).toMatch(/^0 /)
    }
    // Asked to end while nothing answers, it does, and not as if all were well.
    archive.proxy.inject({ when: isSegmentPut, action: 'hang' })
    const args = ['archive-command', '--config', archive.configFile, `pg_wal/${await finishSegments(cluster, 1)}`]
    const before = archive.proxy.requests.filter(isSegmentPut).length
    await using hanging = startWalr(args, { cwd: cluster.dataDirectory })
    await waitFor('it hangs', () => archive.proxy.requests.filter(isSegmentPut).length > before)
    const asked = performance.now()
    process.kill(-hanging.pid, 'SIGTERM')
    expect(await hanging.ended()).not.toBe(0)
    expect(performance.now() - asked).toBeLessThan(5000)
    expect(isUnbroken(await archive.segments())).toBe(true)
  } finally {
    await gateway.stop()
  }
})

/** Debian's pg_basebackup does not know servers that are newer than itself. */
async function takeBackup(cluster: PostgresCluster): Promise<void> {
  if (cluster.version !== 13) {
    await cluster.exec(`select pg_backup_start('walr', true); select pg_backup_stop(false)`)
    return
  }
  await using scratch = makeScratch('backup')
  const args = ['-D', join(scratch.path, 'data'), '-X', 'none', '-c', 'fast', '--no-sync', '-d', cluster.conninfo()]
  expect(await runTool('pg_basebackup', args)).toMatchObject({ exitCode: 0 })
}

/** The segment in which a promoted server left timeline 1. */
async function lastSegmentOf(cluster: PostgresCluster): Promise<string> {
  const history = readFileSync(join(cluster.dataDirectory, 'pg_wal/00000002.history'), 'utf8')
  const [, lsn = ''] = /^1\t([0-9A-F]+\/[0-9A-F]+)/.exec(history) ?? []
  const name = await cluster.text('select pg_walfile_name($1::pg_lsn)', [lsn])
  return `00000001${name.slice(8)}`
}

/** Whether walr runs under the server's archiver. */
function isArchiving(cluster: PostgresCluster): boolean {
  const below = (pid: number): readonly number[] => childrenOf(pid).flatMap((child) => [child, ...below(child)])
  return childrenOf(cluster.pid)
    .flatMap(below)
    .some((pid) => commandLine(pid).includes('walr.js'))
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return '' // it has ended meanwhile
  }
}

function pastMs(ms: number): () => boolean {
  const end = performance.now() + ms
  return () => performance.now() >= end
}
