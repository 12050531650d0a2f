import { ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { ArchiveThread } from '../packages/core/src/app/archive/archive-thread.ts'
import { loadConfig } from '../packages/core/src/config/load-config.ts'
import { createTextLogger } from '../packages/core/src/telemetry/text-logger.ts'
import { parseSystemIdentifier } from '../packages/core/src/wal/system-identifier.ts'
import { toWalSegmentSize } from '../packages/core/src/wal/wal-segment-size.ts'
import { startCluster } from '../test/support/postgres-cluster.ts'
import { makeScratch } from '../test/support/scratch.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { makeWal } from './make-wal.ts'

/** MB of WAL a second, each time the same segments with the same number of them at once. */
export interface ThroughputFigures {
  /** From finished segments to confirmed objects: verify, zstd, AES, one PUT each. */
  readonly archive: number
  /** node:zlib's zstd alone, level 1 with a checksum, on whole files in memory. */
  readonly zstd: number
  /** The same number of bytes as the archive's objects, by the SDK's PutObject alone, out of memory. */
  readonly put: number
  /** The two of them one after the other for each segment, without anything else: zstd of the file, PUT of the result. */
  readonly both: number
  /** `archive` to the slower one of `zstd` and `put`. */
  readonly ratio: number
  /** `archive` to `both`. */
  readonly ratioToBoth: number
}

export interface ThroughputResult {
  readonly walBytes: number
  readonly objectBytes: number
  readonly rounds: readonly ThroughputFigures[]
}

const SEGMENT = toWalSegmentSize(16_777_216)
const CONCURRENCY = 2

/** Archives the same finished segments several times, and does its two parts alone beside it. */
export async function benchThroughput(
  target: ArchiveTarget,
  { bytes, rounds, say }: { bytes: number; rounds: number; say: (line: string) => void },
): Promise<ThroughputResult> {
  await using scratch = makeScratch('bench')
  const source = join(scratch.path, 'wal')
  mkdirSync(source)
  const identity = await collectWal(source, bytes)
  const names = readdirSync(source)
  const walBytes = names.length * SEGMENT
  const results: ThroughputFigures[] = []
  let objectBytes = 0
  for (let round = 0; round < rounds; round += 1) {
    const folder = join(scratch.path, `round${round}`)
    mkdirSync(folder)
    const zstd = await rate(walBytes, () =>
      inParallel(names, async (name) => {
        await compress(readFileSync(join(source, name)))
      }),
    )
    const archived = await archive(target, { folder, source, identity, walBytes })
    objectBytes = archived.objectBytes
    const { bucket } = archived
    const put = await putAlone(target, bucket, { count: names.length, objectBytes, walBytes })
    const both = await withClient(target, (client) =>
      rate(walBytes, () =>
        inParallel(names, async (name) => {
          const body = await compress(readFileSync(join(source, name)))
          await client.send(new PutObjectCommand({ Bucket: bucket, Key: `both/${name}`, Body: body, IfNoneMatch: '*' }))
        }),
      ),
    )
    rmSync(folder, { recursive: true })
    const ratio = archived.rate / Math.min(zstd, put)
    const ratioToBoth = archived.rate / both
    results.push({ archive: archived.rate, zstd, put, both, ratio, ratioToBoth })
    say(
      `archive ${archived.rate.toFixed(0)} MB/s, zstd alone ${zstd.toFixed(0)}, PUT alone ${put.toFixed(0)}: ${ratio.toFixed(2)}; zstd and PUT ${both.toFixed(0)}: ${ratioToBoth.toFixed(2)}`,
    )
  }
  return { walBytes, objectBytes, rounds: results }
}

async function collectWal(folder: string, bytes: number): Promise<{ systemIdentifier: string; version: string }> {
  await using cluster = await startCluster({
    version: 'debian',
    walSegmentSizeMb: 16,
    settings: { max_wal_size: '16GB', wal_keep_size: '16GB', checkpoint_timeout: '1h', autovacuum: 'off' },
  })
  await makeWal(cluster, bytes)
  const open = await cluster.text('select pg_walfile_name(pg_current_wal_lsn())')
  const directory = join(cluster.dataDirectory, 'pg_wal')
  for (const name of readdirSync(directory)) {
    if (/^[0-9A-F]{24}$/.test(name) && name < open) cpSync(join(directory, name), join(folder, name))
  }
  return {
    systemIdentifier: await cluster.text('select system_identifier::text from pg_control_system()'),
    version: 'bench',
  }
}

async function archive(
  target: ArchiveTarget,
  context: {
    folder: string
    source: string
    identity: { systemIdentifier: string; version: string }
    walBytes: number
  },
): Promise<{ rate: number; bucket: string; objectBytes: number }> {
  const { folder, source, identity, walBytes } = context
  const directory = join(folder, 'receive')
  cpSync(source, directory, { recursive: true })
  mkdirSync(join(directory, '.walr'))
  const { bucket, yaml } = await target.prepare(folder)
  const file = join(folder, 'walr.config.yaml')
  writeFileSync(file, `${yaml.join('\n')}\n`)
  const { config, baseDirectory } = await loadConfig({
    path: file,
    environment: {},
    workingDirectory: folder,
    search: false,
  })
  if (!config.archive) throw new Error('the configuration has no archive')
  const { cluster, plugins } = config
  const systemIdentifier = parseSystemIdentifier(identity.systemIdentifier)
  if (systemIdentifier === undefined) throw new Error('no system identifier')
  let done: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (done = resolve))
  const thread = new ArchiveThread(
    { directory, cluster, archive: config.archive, plugins, configFile: file, baseDirectory, guarded: false },
    {
      logger: createTextLogger({ verbosity: 0 }),
      onStatus: ({ archivedCount }) => {
        if (archivedCount * SEGMENT >= walBytes) done()
      },
    },
  )
  await thread.start(new AbortController().signal)
  const startedAtMs = performance.now()
  thread.begin({ systemIdentifier, walSegmentSize: SEGMENT, serverVersion: identity.version })
  await finished
  const seconds = (performance.now() - startedAtMs) / 1000
  await thread.stop(5000)
  return { rate: walBytes / seconds / 1e6, bucket, objectBytes: await bucketBytes(target, bucket) }
}

async function putAlone(
  target: ArchiveTarget,
  bucket: string,
  { count, objectBytes, walBytes }: { count: number; objectBytes: number; walBytes: number },
): Promise<number> {
  const body = Buffer.alloc(Math.round(objectBytes / count), 'x')
  const keys = Array.from({ length: count }, (_, index) => `alone/${index}`)
  return withClient(target, (client) =>
    rate(walBytes, () =>
      inParallel(keys, async (key) => {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, IfNoneMatch: '*' }))
      }),
    ),
  )
}

async function bucketBytes(target: ArchiveTarget, bucket: string): Promise<number> {
  const { Contents = [] } = await withClient(target, (client) =>
    client.send(new ListObjectsV2Command({ Bucket: bucket })),
  )
  return Contents.reduce((sum, { Size = 0 }) => sum + Size, 0)
}

async function withClient<Result>(target: ArchiveTarget, work: (client: S3Client) => Promise<Result>): Promise<Result> {
  const client = target.server.client()
  try {
    return await work(client)
  } finally {
    client.destroy()
  }
}

const compressBuffer = promisify<Buffer, object, Buffer>(zstdCompress)

async function compress(bytes: Buffer): Promise<Buffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 }
  return compressBuffer(bytes, { params })
}

async function inParallel(names: readonly string[], work: (name: string) => Promise<void>): Promise<void> {
  const rest = names.values()
  const worker = async (): Promise<void> => {
    for (const name of rest) await work(name)
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
}

async function rate(bytes: number, work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return bytes / ((performance.now() - startedAtMs) / 1000) / 1e6
}
