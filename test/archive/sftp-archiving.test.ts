import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { startCluster, type PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'
import { waitFor } from '../support/wait-for.ts'
import { createSlot, finishSegments, serverSegment } from '../support/wal-traffic.ts'
import { startWalr } from '../support/walr-process.ts'
import { isUnbroken } from './s3-archive.ts'

const packages = join(import.meta.dirname, '../../packages')
const SEGMENT = /\/wal\/[0-9A-F]{8}\/([0-9A-F]{24})\.zst$/

/** Writes a configuration that archives to the directory; its receive directory is made. */
async function configure(scratch: Scratch, cluster: PostgresCluster, server: Sshd, directory: string): Promise<string> {
  await createSlot(cluster, 'walr')
  mkdirSync(join(scratch.path, 'receive'))
  mkdirSync(join(scratch.path, 'node_modules/@walr'), { recursive: true })
  symlinkSync(join(packages, 'plugin-sftp'), join(scratch.path, 'node_modules/@walr/plugin-sftp'))
  const file = join(scratch.path, 'walr.config.yaml')
  const storage = { use: '@walr/plugin-sftp', ...server.options, directory, prefix: 'pg' }
  const lines = [
    `connection: ${JSON.stringify(cluster.conninfo())}`,
    'receive: { directory: receive, slot: walr }',
    'plugins: ["@walr/plugin-sftp"]',
    'archive:',
    `  storage: ${JSON.stringify(storage)}`,
    '  codecs: [zstd]',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

function archived(directory: string): ReadonlyMap<string, string> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return new Map(
    paths
      .map((path) => [SEGMENT.exec(path)?.[1] ?? '', join(directory, path)] as const)
      .filter(([name]) => name !== '')
      .toSorted(),
  )
}

it('stores every segment, also those that were finished while the server was away', async () => {
  await using server = await startSshd()
  await using cluster = await startCluster({ version: 17, settings: { wal_keep_size: '1GB' } })
  await using scratch = makeScratch('sftp-archive')
  const directory = server.makeFolder()
  const config = await configure(scratch, cluster, server, directory)
  const untilArchived = (name: string): Promise<unknown> =>
    waitFor(`${name} is archived`, () => archived(directory).has(name), { intervalMs: 50 })

  await server.stop() // a server that is away when walr starts is no reason not to receive
  await using walr = startWalr(['receive', '--config', config, '--verbose'])
  const received = (name: string): boolean => readdirSync(join(scratch.path, 'receive')).includes(name)
  const first = await finishSegments(cluster, 2)
  await waitFor('WAL is received', () => received(first))
  await server.start()
  await untilArchived(first)
  await untilArchived(await finishSegments(cluster, 2))
  expect(await walr.stop()).toBe(0)

  const segments = archived(directory)
  expect(isUnbroken([...segments.keys()])).toBe(true)
  for (const [name, path] of segments) {
    expect(zstdDecompressSync(readFileSync(path)).equals(serverSegment(cluster, name)), name).toBe(true)
  }
})
