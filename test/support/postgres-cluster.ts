import { appendFileSync, chmodSync, chownSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { copyDataDirectory, initialiseDataDirectory, SUPERUSER } from './initialise-data-directory.ts'
import { serverBinDirectory, type PostgresVersion } from './postgres-binaries.ts'
import { PostgresServer, removeLeftSharedMemory } from './postgres-server.ts'
import { makeScratch, type Scratch } from './scratch.ts'
import { queryRows, type Row } from './sql.ts'
import { unprivilegedUser } from './unprivileged-user.ts'

/** How a cluster is made. */
export interface ClusterOptions {
  readonly version: PostgresVersion
  /** MiB, a power of two from 1 to 1024; 1 when absent, so that tests fill segments quickly. */
  readonly walSegmentSizeMb?: number
  /** More arguments for initdb. */
  readonly initdbArgs?: readonly string[]
  /** Lines for postgresql.conf, in SQL's units; they win over the defaults. */
  readonly settings?: Readonly<Record<string, string>>
  /**
   * Lines for pg_hba.conf. They come after one that lets the superuser in through the Unix socket; when absent, everybody is
   * trusted from this machine, for replication too.
   */
  readonly hba?: readonly string[]
  /** fsync on. Off when absent, which makes tests fast and survives `kill()` all the same. */
  readonly durable?: boolean
  /** Copy this data directory (of a server that is not running) instead of making a new cluster. Same version. */
  readonly copyOf?: string
  /** Empty files to put into the data directory, such as `standby.signal`. */
  readonly signalFiles?: readonly string[]
  /** Whether it is started, and waited for until it takes connections; true when absent. */
  readonly start?: boolean
}

/** Makes a cluster in a scratch folder and starts it. It is stopped and removed when it is disposed of. */
export async function startCluster(options: ClusterOptions): Promise<PostgresCluster> {
  const cluster = new PostgresCluster(makeScratch('pg', 'server'), options.version, await freePort())
  try {
    if (options.copyOf === undefined) {
      const { version, walSegmentSizeMb = 1, initdbArgs = [] } = options
      await initialiseDataDirectory(cluster.dataDirectory, { version, walSegmentSizeMb, initdbArgs })
    } else await copyDataDirectory(options.copyOf, cluster.dataDirectory)
    cluster.configure({ ...defaultSettings(cluster, options), ...options.settings })
    cluster.writeHba(options.hba)
    for (const name of options.signalFiles ?? []) cluster.writeFile(name, '')
    if (options.start ?? true) await cluster.start()
    return cluster
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
}

/** A PostgreSQL cluster of a test: a data directory, and the server that runs on it or not. */
export class PostgresCluster implements AsyncDisposable {
  readonly version: PostgresVersion
  readonly binDirectory: string
  readonly host = '127.0.0.1'
  readonly port: number
  readonly superuser = SUPERUSER
  readonly dataDirectory: string
  readonly socketDirectory: string
  readonly logFile: string
  /** Who the server runs as: numbers for `chown`. */
  readonly uid: number
  readonly gid: number
  readonly #scratch: Scratch
  #server: PostgresServer | undefined

  /** Use {@link startCluster}. */
  constructor(scratch: Scratch, version: PostgresVersion, port: number) {
    const user = unprivilegedUser()
    this.#scratch = scratch
    this.version = version
    this.port = port
    this.binDirectory = serverBinDirectory(version)
    this.dataDirectory = join(scratch.path, 'data')
    this.socketDirectory = scratch.path
    this.logFile = join(scratch.path, 'log')
    this.uid = user?.uid ?? process.getuid?.() ?? 0
    this.gid = user?.gid ?? process.getgid?.() ?? 0
    if (Buffer.byteLength(`${this.socketDirectory}/.s.PGSQL.${port}.lock`) > 107) {
      throw new Error(`${this.socketDirectory} is too long for a Unix socket: set TMPDIR to a shorter path`)
    }
    closeSync(openSync(this.logFile, 'a'))
  }

  get isRunning(): boolean {
    return this.#server?.isRunning ?? false
  }

  /** The postmaster's process id. */
  get pid(): number {
    if (!this.#server?.isRunning) throw new Error('the server is not running')
    return this.#server.pid
  }

  /** Everything that the server has logged so far, over all its starts. */
  get log(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** A conninfo string, over TCP unless `host` says otherwise (`socketDirectory` for the Unix socket). */
  conninfo(more: Readonly<Record<string, string>> = {}): string {
    const settings = { host: this.host, port: String(this.port), user: this.superuser, ...more }
    return Object.entries(settings)
      .map(([key, value]) => `${key}='${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
      .join(' ')
  }

  /** `PGHOST`, `PGPORT`, `PGUSER` for a client program. */
  get clientEnvironment(): Readonly<Record<string, string>> {
    return { PGHOST: this.host, PGPORT: String(this.port), PGUSER: this.superuser, PGDATABASE: 'postgres' }
  }

  /** Starts the server; `untilReady` (the default) waits until it takes connections, or rejects with its log. */
  async start({ untilReady = true }: { readonly untilReady?: boolean } = {}): Promise<void> {
    if (this.isRunning) throw new Error('the server is running already')
    this.#server = new PostgresServer(join(this.binDirectory, 'postgres'), this.dataDirectory, this.logFile)
    if (untilReady) await this.#server.untilReady(() => this.exec('select 1'))
  }

  /** Stops the server: `fast` when nothing is said. Resolves when the process is gone; nothing happens when it is not running. */
  async stop(how: 'fast' | 'immediate' | 'smart' = 'fast'): Promise<void> {
    await this.#server?.stop(how)
  }

  /** SIGKILL to the postmaster and all its children, at once, as if the machine's power had failed (its page cache stays). */
  async kill(): Promise<void> {
    await this.#server?.kill()
  }

  async restart(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.stop(how)
    await this.start()
  }

  /** Resolves to the exit code when the server has ended by itself. */
  async ended(deadlineMs = 30_000): Promise<number | null> {
    if (!this.#server) throw new Error('the server was never started')
    return this.#server.ended(deadlineMs)
  }

  /** Runs SQL as superuser through the Unix socket, and resolves to the rows of the last statement. */
  async exec(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    const { socketDirectory: host, port, superuser: user } = this
    return queryRows({ host, port, user, database: 'postgres' }, sql, parameters)
  }

  /** The first column of the first row as text; '' for NULL. */
  async text(sql: string, parameters: readonly unknown[] = []): Promise<string> {
    const [row] = await this.exec(sql, parameters)
    if (!row) throw new Error(`no row: ${sql}`)
    const [value] = Object.values(row)
    if (value === null || value === undefined) return ''
    return typeof value === 'string' ? value : JSON.stringify(value)
  }

  /** Adds lines to postgresql.conf; later ones win. A running server needs {@link reload} or {@link restart}. */
  configure(settings: Readonly<Record<string, string>>): void {
    const lines = Object.entries(settings).map(([key, value]) => `${key} = '${value.replaceAll("'", "''")}'\n`)
    appendFileSync(join(this.dataDirectory, 'postgresql.conf'), lines.join(''))
  }

  /** Replaces pg_hba.conf, see {@link ClusterOptions.hba}. */
  writeHba(lines: readonly string[] = trustedFromThisMachine): void {
    this.writeFile('pg_hba.conf', [`local all ${this.superuser} trust`, ...lines, ''].join('\n'))
  }

  /** Makes the server read its configuration files again. */
  reload(): void {
    process.kill(this.pid, 'SIGHUP')
  }

  /** Writes a file into the data directory, owned by the server's user. Resolves to its path. */
  writeFile(name: string, content: string | Uint8Array, mode = 0o600): string {
    const path = join(this.dataDirectory, name)
    writeFileSync(path, content)
    chmodSync(path, mode)
    chownSync(path, this.uid, this.gid)
    return path
  }

  /** Deletes the data directory of a server that is not running. */
  removeDataDirectory(): void {
    removeLeftSharedMemory(this.dataDirectory)
    rmSync(this.dataDirectory, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('immediate')
    this.removeDataDirectory()
    this.#scratch.remove()
  }
}

const trustedFromThisMachine = [
  'local all all trust',
  'local replication all trust',
  'host all all 127.0.0.1/32 trust',
  'host all all ::1/128 trust',
  'host replication all 127.0.0.1/32 trust',
  'host replication all ::1/128 trust',
]

function defaultSettings(cluster: PostgresCluster, options: ClusterOptions): Record<string, string> {
  return {
    listen_addresses: cluster.host,
    port: String(cluster.port),
    unix_socket_directories: cluster.socketDirectory,
    wal_level: 'replica',
    max_wal_senders: '10',
    max_replication_slots: '10',
    hot_standby: 'on',
    log_replication_commands: 'on',
    dynamic_shared_memory_type: 'mmap', // files in the data directory, which go with it when the server is killed
    log_line_prefix: '%m [%p] ',
    fsync: options.durable ? 'on' : 'off',
  }
}
