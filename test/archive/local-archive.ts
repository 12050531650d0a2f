import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { nodeDisk } from '../../packages/core/src/disk/node-disk.ts'
import { readStatusFile, type ReportedStatus } from '../../packages/core/src/app/archive/status-file.ts'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'
import { createSlot } from '../support/wal-traffic.ts'

/** walr's set-up of a test: a receive directory, an archive in another folder, and the configuration file for both. */
export class LocalArchive implements AsyncDisposable {
  readonly #scratch: Scratch
  readonly configFile: string
  receiveDirectory: string
  readonly archiveDirectory: string

  private constructor(scratch: Scratch) {
    this.#scratch = scratch
    this.configFile = join(scratch.path, 'walr.config.yaml')
    this.receiveDirectory = join(scratch.path, 'receive')
    this.archiveDirectory = join(scratch.path, 'archive')
    mkdirSync(this.receiveDirectory)
    mkdirSync(this.archiveDirectory)
  }

  /** Makes folders, a slot, and a configuration; `more` are lines of YAML at its end. */
  static async create(cluster: PostgresCluster, { receive = '', archive = '' } = {}): Promise<LocalArchive> {
    const made = new LocalArchive(makeScratch('archive'))
    await createSlot(cluster, 'walr')
    const lines = [
      `connection: "${cluster.conninfo()}"`,
      'receive:',
      '  directory: receive',
      '  slot: walr',
      ...(receive === '' ? [] : [`  ${receive}`]),
      'archive:',
      '  storage: { use: local, path: archive }',
      ...(archive === '' ? [] : [`  ${archive}`]),
    ]
    writeFileSync(made.configFile, `${lines.join('\n')}\n`)
    return made
  }

  /** Configures another server from here on, and another receive directory, which is made. */
  connectTo(cluster: PostgresCluster, directory = 'receive'): void {
    const text = readFileSync(this.configFile, 'utf8')
      .replace(/^connection: .*$/m, `connection: "${cluster.conninfo()}"`)
      .replace(/^ {2}directory: .*$/m, `  directory: ${directory}`)
    writeFileSync(this.configFile, text)
    this.receiveDirectory = join(this.#scratch.path, directory)
    mkdirSync(this.receiveDirectory, { recursive: true })
  }

  startWalr(args: readonly string[] = []): RunningProgram {
    return startWalr(['receive', '--config', this.configFile, '--verbose', ...args])
  }

  /** Resolves when the object of this segment is in the archive. */
  async untilArchived(walFileName: string, deadlineMs = 60_000): Promise<void> {
    await waitFor(`${walFileName} is archived`, async () => (await this.segments()).includes(walFileName), {
      deadlineMs,
    })
  }

  /** Keys of all objects, in order. */
  keys(): Promise<readonly string[]> {
    if (!existsSync(this.archiveDirectory)) return Promise.resolve([])
    const found = readdirSync(this.archiveDirectory, { recursive: true, encoding: 'utf8' })
      .filter((path) => statSync(join(this.archiveDirectory, path), { throwIfNoEntry: false })?.isFile())
      .filter((path) => !path.split('/').some((part) => part.startsWith('.')))
    return Promise.resolve(found.map((path) => relative('.', path)).toSorted())
  }

  /** Names of the segments that are in the archive, in order. */
  async segments(): Promise<readonly string[]> {
    const names = (await this.keys()).map((key) => /\/wal\/[0-9A-F]{8}\/([0-9A-F]{24})\.zst$/.exec(key)?.[1])
    return names.filter((name) => name !== undefined)
  }

  /** The WAL of a segment, out of the archive. */
  async read(walFileName: string): Promise<Buffer> {
    const key = (await this.keys()).find((candidate) => candidate.endsWith(`/${walFileName}.zst`))
    return zstdDecompressSync(readFileSync(join(this.archiveDirectory, key ?? '')))
  }

  status(): Promise<ReportedStatus | undefined> {
    return readStatusFile(nodeDisk, this.receiveDirectory)
  }

  /** As if the disk of the archive were not there. */
  takeAway(): void {
    renameSync(this.archiveDirectory, `${this.archiveDirectory}.away`)
  }

  bringBack(): void {
    renameSync(`${this.archiveDirectory}.away`, this.archiveDirectory)
  }

  /** As if the machine had got a new disk. */
  loseReceiveDirectory(): Promise<void> {
    rmSync(this.receiveDirectory, { recursive: true })
    mkdirSync(this.receiveDirectory)
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]()
  }
}
