import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { walrCommandLine } from '../support/stage-for-user.ts'
import { unprivilegedUser } from '../support/unprivileged-user.ts'
import { waitFor } from '../support/wait-for.ts'
import { serverSegment } from '../support/wal-traffic.ts'

/** What PostgreSQL itself says of its archiver. */
export interface ArchiverCounts {
  readonly archived: number
  readonly failed: number
  readonly last: string
}

/** An archive in a folder, which servers fill with `walr archive-command`. */
export class ServerArchive implements AsyncDisposable {
  readonly #scratch: Scratch = makeScratch('archive', 'server')
  readonly configFile: string = join(this.#scratch.path, 'walr.config.yaml')
  readonly directory: string = join(this.#scratch.path, 'archive')

  constructor() {
    mkdirSync(this.directory)
    writeFileSync(this.configFile, 'archive:\n  storage: { use: local, path: archive }\n')
    chmodSync(this.configFile, 0o644)
    const user = unprivilegedUser()
    if (user) chownSync(this.directory, user.uid, user.gid)
  }

  /** The text of `archive_command`. */
  command(options = ''): string {
    return walrCommandLine(`archive-command --config "${this.configFile}" -v ${options} "%p"`)
  }

  /** Settings of a server that archives here, and keeps its WAL so that it can be compared. */
  settings(options = '', mode: 'on' | 'always' = 'on'): Readonly<Record<string, string>> {
    return { archive_mode: mode, archive_command: this.command(options), wal_keep_size: '1GB' }
  }

  /** Keys below the system's own, in order. */
  keys(): readonly string[] {
    if (!existsSync(this.directory)) return []
    return readdirSync(this.directory, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.directory.length + 1))
      .filter((path) => /^main\/\d+\//.test(path) && !path.includes('/.'))
      .map((path) => path.replace(/^main\/\d+\//, ''))
      .toSorted()
  }

  /** The plain bytes of an object. */
  read(key: string): Buffer {
    const [system = ''] = readdirSync(join(this.directory, 'main'))
    const bytes = readFileSync(join(this.directory, 'main', system, key))
    return key.endsWith('.zst') ? zstdDecompressSync(bytes) : bytes
  }

  /** Names of the segments that are here, in order. */
  segments(): readonly string[] {
    return this.keys()
      .map((key) => /^wal\/[0-9A-F]{8}\/([0-9A-F]{24})\.zst$/.exec(key)?.[1])
      .filter((name) => name !== undefined)
  }

  /** Segments that are not what the server has in its pg_wal. */
  wrong(cluster: PostgresCluster): readonly string[] {
    return this.segments().filter((name) => {
      const key = `wal/${name.slice(0, 8)}/${name}.zst`
      return !this.read(key).equals(serverSegment(cluster, name))
    })
  }

  /** Resolves when PostgreSQL says that this file is archived. */
  async untilArchived(cluster: PostgresCluster, name: string, deadlineMs = 60_000): Promise<void> {
    const done = join(cluster.dataDirectory, 'pg_wal/archive_status', `${name}.done`)
    await waitFor(`${name} is archived`, () => existsSync(done), { deadlineMs, intervalMs: 20 }).catch(
      (error: unknown) => {
        throw new Error(`the server's log:\n${cluster.log.slice(-5000)}`, { cause: error })
      },
    )
  }

  /** As if the disk of the archive were not there. */
  takeAway(): void {
    renameSync(this.directory, `${this.directory}.away`)
  }

  bringBack(): void {
    renameSync(`${this.directory}.away`, this.directory)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]()
  }
}

/** Names of the files that wait in pg_wal, in order. */
export function waitingFiles({ dataDirectory }: PostgresCluster): readonly string[] {
  return readdirSync(join(dataDirectory, 'pg_wal/archive_status'))
    .filter((name) => name.endsWith('.ready'))
    .map((name) => name.slice(0, -6))
    .toSorted()
}

/** Names of the acknowledgements that wait for their calls. */
export function acknowledgedFiles({ dataDirectory }: PostgresCluster): readonly string[] {
  const folder = join(dataDirectory, 'pg_wal/.walr/archived')
  return existsSync(folder) ? readdirSync(folder).toSorted() : []
}

export async function archiverCounts(cluster: PostgresCluster): Promise<ArchiverCounts> {
  const [row] = await cluster.exec('select archived_count, failed_count, last_archived_wal from pg_stat_archiver')
  const { archived_count: archived, failed_count: failed, last_archived_wal: last } = row ?? {}
  return { archived: Number(archived), failed: Number(failed), last: typeof last === 'string' ? last : '' }
}
