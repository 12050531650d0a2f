import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { readStatusFile, type ReportedStatus } from '../../packages/core/src/app/archive/status-file.ts'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { codecOf, encode, ringOf } from '../../packages/plugin-crypto/src/object.fixture.ts'
import { readObject } from '../../packages/plugin-crypto/src/second-reader.fixture.ts'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import type { Radosgw } from '../support/radosgw/radosgw.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { startHttpFaultProxy, type HttpFaultProxy, type SeenRequest } from '../support/http-fault-proxy.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { createSlot } from '../support/wal-traffic.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'

/** A key of the key file. */
export interface ArchiveKey {
  readonly id: string
  readonly bytes: Buffer
}

export interface S3ArchiveOptions {
  /** Lines of YAML below `archive`. */
  readonly archive?: readonly string[]
  /** Options of the storage beside where it is. */
  readonly storage?: Readonly<Record<string, unknown>>
  /** A bucket that there is already; a new one when absent. */
  readonly bucket?: string
  /** Lines of the key file; one new key when absent. */
  readonly keys?: readonly ArchiveKey[]
  /** Settings of the connection; those of the cluster's superuser when absent. */
  readonly connection?: Readonly<Record<string, string | number>>
  /** Options of the encryption; the key file when absent. */
  readonly encryption?: Readonly<Record<string, unknown>>
}

const packages = join(import.meta.dirname, '../../packages')
const SEGMENT_KEY = /\/wal\/[0-9A-F]{8}\/([0-9A-F]{24})\.zst\.aes$/
let slots = 0

/** A request for a segment's object. */
export function isForSegment({ path }: SeenRequest): boolean {
  return SEGMENT_KEY.test(new URL(path, 'http://s3').pathname)
}

export function isSegmentPut(seen: SeenRequest): boolean {
  return seen.method === 'PUT' && isForSegment(seen)
}

export function isSegmentGet(seen: SeenRequest): boolean {
  return seen.method === 'GET' && isForSegment(seen)
}

export function newKey(id: string): ArchiveKey {
  return { id, bytes: randomBytes(32) }
}

/** The line of a key file. */
export function keyLine({ id, bytes }: ArchiveKey): string {
  return `walr-key:${id}:${bytes.toString('base64')}`
}

/** Where a user would have run "npm install". */
export function installPlugins(folder: string): void {
  const modules = join(folder, 'node_modules/@walr')
  mkdirSync(modules, { recursive: true })
  for (const name of ['plugin-s3', 'plugin-crypto']) symlinkSync(join(packages, name), join(modules, name))
}

/**
 * walr's set-up of a test: a receive directory, a bucket behind a proxy that can misbehave, and the configuration file for
 * both, with zstd and encryption. What is in the bucket is read past the proxy, and past walr's own decoders.
 */
export class S3Archive implements AsyncDisposable {
  readonly configFile: string
  readonly receiveDirectory: string
  readonly keyFile: string
  readonly bucket: string
  readonly proxy: HttpFaultProxy
  readonly systemIdentifier: string
  readonly #scratch: Scratch
  readonly #client: S3Client

  private constructor(
    scratch: Scratch,
    parts: Pick<S3Archive, 'bucket' | 'proxy' | 'systemIdentifier'>,
    client: S3Client,
  ) {
    this.configFile = join(scratch.path, 'walr.config.yaml')
    this.receiveDirectory = join(scratch.path, 'receive')
    this.keyFile = join(scratch.path, 'walr.key')
    this.bucket = parts.bucket
    this.proxy = parts.proxy
    this.systemIdentifier = parts.systemIdentifier
    this.#scratch = scratch
    this.#client = client
  }

  /** Makes folders, a slot of its own, a bucket, and a configuration. */
  static async create(server: Radosgw, cluster: PostgresCluster, options: S3ArchiveOptions = {}): Promise<S3Archive> {
    const bucket = options.bucket ?? (await server.createBucket())
    const systemIdentifier = await cluster.text('select system_identifier::text from pg_control_system()')
    const proxy = await startHttpFaultProxy(server.endpoint)
    const made = new S3Archive(makeScratch('s3'), { bucket, proxy, systemIdentifier }, server.client())
    const slot = `walr_${++slots}`
    await createSlot(cluster, slot)
    mkdirSync(made.receiveDirectory)
    installPlugins(made.#scratch.path)
    made.writeKeys(options.keys ?? [newKey('first')])
    const { accessKeyId, secretAccessKey } = server
    const place = { bucket, endpoint: proxy.endpoint, accessKeyId, secretAccessKey }
    const encryption = options.encryption ?? { keyFile: 'walr.key' }
    const storage = { use: '@walr/plugin-s3', ...place, ...options.storage }
    const lines = [
      `connection: ${JSON.stringify(options.connection ?? cluster.conninfo())}`,
      `receive: { directory: receive, slot: ${slot} }`,
      'plugins: ["@walr/plugin-s3", "@walr/plugin-crypto"]',
      'archive:',
      `  storage: ${JSON.stringify(storage)}`,
      `  codecs: ${JSON.stringify(['zstd', { use: '@walr/plugin-crypto', ...encryption }])}`,
      ...(options.archive ?? []).map((line) => `  ${line}`),
    ]
    writeFileSync(made.configFile, `${lines.join('\n')}\n`)
    return made
  }

  /** Replaces the key file; the first key encrypts. A walr that runs does not see it. */
  writeKeys(keys: readonly ArchiveKey[]): void {
    writeFileSync(this.keyFile, `${keys.map(keyLine).join('\n')}\n`, { mode: 0o600 })
    for (const key of keys) this.#keys.set(key.id, key)
  }

  readonly #keys = new Map<string, ArchiveKey>()

  startWalr(args: readonly string[] = []): RunningProgram {
    return startWalr(['receive', '--config', this.configFile, '--verbose', ...args])
  }

  /** Resolves when the object of this segment is in the archive. */
  async untilArchived(walFileName: string, deadlineMs = 60_000): Promise<void> {
    const isThere = async (): Promise<boolean> => (await this.segments()).includes(walFileName)
    await waitFor(`${walFileName} is archived`, isThere, { deadlineMs, intervalMs: 50 })
  }

  /**
   * Resolves when this segment is in the archive, and walr knows of none that is not. The directory keeps its newest one:
   * without WAL behind it that is the last finished one.
   */
  async untilAllArchived(walFileName: string, deadlineMs = 60_000): Promise<void> {
    await this.untilArchived(walFileName, deadlineMs)
    await this.untilStatus('nothing waits', ({ archive }) => archive.backlog.files === 0, deadlineMs)
    await waitFor('only the newest is in the directory', () => this.localSegments().length <= 1, { deadlineMs })
  }

  /** Names of the objects, in order. */
  async keys(): Promise<readonly string[]> {
    const found: string[] = []
    let token: string | undefined
    do {
      const page = await this.#client.send(
        new ListObjectsV2Command({ Bucket: this.bucket, ...(token !== undefined && { ContinuationToken: token }) }),
      )
      found.push(...(page.Contents ?? []).map(({ Key }) => Key ?? ''))
      token = page.NextContinuationToken
    } while (token !== undefined)
    return found.toSorted()
  }

  /** Names of the segments that are in the archive, in order; one that is there twice comes twice. */
  async segments(): Promise<readonly string[]> {
    const names = (await this.keys()).map((key) => SEGMENT_KEY.exec(key)?.[1])
    return names.filter((name) => name !== undefined)
  }

  async quarantine(): Promise<readonly string[]> {
    return (await this.keys()).filter((key) => key.includes('/quarantine/'))
  }

  segmentKey(walFileName: string): string {
    return `main/${this.systemIdentifier}/wal/${walFileName.slice(0, 8)}/${walFileName}.zst.aes`
  }

  /** The bytes of an object. */
  async object(key: string): Promise<Buffer> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.bucket, Key: key }))
    if (!Body) throw new Error(`${key} has no body`)
    return Buffer.from(await Body.transformToByteArray())
  }

  /** Puts an object there past walr. */
  async plant(key: string, bytes: Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.bucket, Key: key, Body: bytes }))
  }

  async remove(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }))
  }

  /** Puts `plain` there as a walr with this key would. */
  async plantEncoded(key: string, plain: Uint8Array, { id, bytes }: ArchiveKey): Promise<void> {
    await this.plant(key, await encode(zstdCompressSync(plain), codecOf(ringOf([id, bytes])), boundKey(key)))
  }

  /** The WAL of a segment, out of the archive; with any of the keys that were ever in the key file. */
  async read(walFileName: string): Promise<Buffer> {
    return (await this.open(this.segmentKey(walFileName))).plain
  }

  /** What an encoded object holds, and the key that opened it. */
  async open(key: string): Promise<{ readonly plain: Buffer; readonly keyId: string }> {
    const object = await this.object(key)
    const faults: unknown[] = []
    for (const { id, bytes } of this.#keys.values()) {
      try {
        return { plain: zstdDecompressSync(readObject(object, boundKey(key), { masterKey: bytes })), keyId: id }
      } catch (error) {
        faults.push(error)
      }
    }
    throw new AggregateError(faults, `no key opens ${key}`)
  }

  /** Names of the finished segments in the receive directory, in order. */
  localSegments(): readonly string[] {
    return readdirSync(this.receiveDirectory)
      .filter((name) => /^[0-9A-F]{24}$/.test(name))
      .toSorted()
  }

  status(): Promise<ReportedStatus | undefined> {
    return readStatusFile(nodeDisk, this.receiveDirectory)
  }

  /** Resolves to the first status that `probe` accepts. */
  async untilStatus(
    what: string,
    probe: (status: ReportedStatus) => boolean,
    deadlineMs = 30_000,
  ): Promise<ReportedStatus> {
    const read = async (): Promise<ReportedStatus | undefined> => {
      const status = await this.status()
      return status && probe(status) ? status : undefined
    }
    try {
      return await waitFor(what, read, { deadlineMs, intervalMs: 50 })
    } catch (cause) {
      throw new Error(`${what}: not seen; the last is ${JSON.stringify(await this.status())}`, { cause })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
    await this.proxy.stop()
    this.#scratch.remove()
  }
}

/** What encryption binds to an object: its name without the cluster's. */
function boundKey(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}

/** The names from the first to the last of them, none left out: what an archive without gaps has. */
export function isUnbroken(walFileNames: readonly string[], segmentsInLog = 4096): boolean {
  const numbers = walFileNames.map(
    (name) => Number.parseInt(name.slice(8, 16), 16) * segmentsInLog + Number.parseInt(name.slice(16), 16),
  )
  return numbers.every((number, index) => number === (numbers[0] ?? 0) + index)
}
