import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import { ScriptedStorage } from '../archive/scripted-storage.fixture.ts'
import type { Disk } from '../disk/disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import type { ErrorCode } from '../errors/error-codes.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { ArchiveSource } from './archive-source.ts'
import { readControlFile } from '../wal/control-file.ts'
import { deliverCopy } from './deliver-copy.ts'
import { DirectorySource } from './directory-source.ts'
import { CLUSTER, SEGMENT } from './segment.fixture.ts'
import { WalFetcher } from './wal-fetcher.ts'
import { parseWantedFile } from './wanted-file.ts'

export interface BenchRequest {
  readonly disk?: Disk
  readonly partial?: 'auto' | 'never'
  readonly atGap?: 'stop' | 'end'
  readonly signal?: AbortSignal
  /** One that has answered before. */
  readonly fetcher?: WalFetcher
}

/** A receive directory, a data directory that is being recovered, and, when asked for, an archive in memory. */
export class RestoreBench {
  readonly root: string = mkdtempSync(join(tmpdir(), 'walr-restore-'))
  readonly directory: string = join(this.root, 'wal')
  readonly dataDirectory: string = join(this.root, 'data')
  readonly target: string = join(this.dataDirectory, 'pg_wal', 'RECOVERYXLOG')
  readonly storage = new ScriptedStorage()
  readonly warnings: string[] = []
  /** What the archive is read with; undefined: there is none. */
  codecs: CodecPipeline | undefined
  hasDirectory = true

  constructor() {
    mkdirSync(this.directory)
    mkdirSync(join(this.dataDirectory, 'pg_wal'), { recursive: true })
  }

  /** Puts a file into the receive directory. */
  put(name: string, bytes: Buffer): void {
    writeFileSync(join(this.directory, name), bytes)
  }

  /** Says whose the data directory is. */
  recover(cluster: bigint = CLUSTER): void {
    const control = Buffer.alloc(8192)
    control.writeBigUInt64LE(cluster)
    mkdirSync(join(this.dataDirectory, 'global'), { recursive: true })
    writeFileSync(join(this.dataDirectory, 'global', 'pg_control'), control)
  }

  /** Says whose the receive directory is. */
  mark(cluster: bigint = CLUSTER, walSegmentSize: number = SEGMENT): void {
    mkdirSync(join(this.directory, '.walr'), { recursive: true })
    const identity = { format: 1, systemIdentifier: cluster.toString(), walSegmentSize, serverVersion: '18.4' }
    writeFileSync(join(this.directory, '.walr', 'identity.json'), JSON.stringify(identity))
  }

  /** Says that segments leave the receive directory for an archive. */
  markArchived(archiveId = 'the-archive'): void {
    mkdirSync(join(this.directory, '.walr'), { recursive: true })
    writeFileSync(join(this.directory, '.walr', 'archive.json'), `{\n  "archiveId": "${archiveId}"\n}\n`)
  }

  /** Begins the archive of the cluster `main`. */
  archive(codecs = new CodecPipeline([], []), { cluster = CLUSTER, walSegmentSize = SEGMENT } = {}): void {
    this.codecs = codecs
    const systemIdentifier = cluster.toString()
    const identity = { format: 1, archiveId: 'the-archive', cluster: 'main', systemIdentifier, walSegmentSize }
    this.store('identity.json', Buffer.from(JSON.stringify(identity)), cluster)
  }

  /** Puts an object into the archive, under a key below the system's. */
  store(key: string, bytes: Buffer, cluster: bigint = CLUSTER): void {
    this.storage.objects.set(`main/${cluster.toString()}/${key}`, bytes)
  }

  storeSegment(name: string, bytes: Buffer, suffixes = ''): void {
    this.store(`wal/${name.slice(0, 8)}/${name}${suffixes}`, bytes)
  }

  async restore(name: string, options: BenchRequest = {}): Promise<'delivered' | 'absent'> {
    const { disk = nodeDisk, partial = 'auto', atGap = 'stop', signal = new AbortController().signal } = options
    const fetcher = options.fetcher ?? (await this.openFetcher(disk))
    const target = { disk, path: this.target, sync: 'always', signal } as const
    return fetcher.fetch({ wanted: parseWantedFile(name), partial, atGap }, (copy) => deliverCopy(copy, target), signal)
  }

  /** Refuses with this code, and leaves nothing where PostgreSQL would look, under any name. */
  async expectRefusal(name: string, code: ErrorCode, text: string, options: BenchRequest = {}): Promise<void> {
    const refused = await this.restore(name, options).then(
      (outcome) => expect.unreachable(`the outcome was ${outcome}`),
      (error: unknown) => error,
    )
    expect(refused).toMatchObject({ code, message: expect.stringContaining(text) as string })
    expect(readdirSync(join(this.dataDirectory, 'pg_wal'))).toEqual([])
  }

  get delivered(): Buffer {
    return readFileSync(this.target)
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  /** Sources as one process opens them. */
  async openFetcher(disk: Disk = nodeDisk): Promise<WalFetcher> {
    const logger = new RecordingLogger()
    logger.warning = (message) => void this.warnings.push(message)
    const systemIdentifier = await readControlFile(disk, this.dataDirectory)
    const { codecs, storage } = this
    const directory = this.hasDirectory
      ? new DirectorySource({
          ...{ disk, logger, directory: this.directory, systemIdentifier, missingHint: 'Look there.' },
          archiveIsAsked: () => Promise.resolve(codecs !== undefined),
        })
      : undefined
    const archive =
      codecs &&
      new ArchiveSource({
        open: () => Promise.resolve({ storage, codecs, cluster: 'main' }),
        owner: async () =>
          (await directory?.owner().catch(() => undefined)) ?? { systemIdentifier, walSegmentSize: undefined },
        expectedArchiveId: async () => directory?.archiveId(),
      })
    return new WalFetcher({ sources: [directory, archive].filter((source) => source !== undefined), logger })
  }
}
