import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PostgresVersion } from '../postgres-binaries.ts'
import { startCluster, type PostgresCluster } from '../postgres-cluster.ts'
import type { RunningProgram } from '../running-program.ts'
import { makeScratch, type Scratch } from '../scratch.ts'
import { unprivilegedUser } from '../unprivileged-user.ts'
import { waitFor } from '../wait-for.ts'
import { createSlot } from '../wal-traffic.ts'
import { startWalr } from '../walr-process.ts'
import type { ArchivePlace } from './archive-place.ts'
import { makeOwnedFolder, writeOwned } from './owned-files.ts'
import { makeTable, takeBaseBackup, writeRow, type RowPoint } from './row-history.ts'

let slots = 0

/** A walr that receives a cluster's WAL and archives it, with a configuration of its own; it runs as PostgreSQL's user. */
export class Archiver implements AsyncDisposable {
  readonly place: ArchivePlace
  readonly receiveDirectory: string
  readonly slot = `walr_${++slots}`
  readonly #cluster: PostgresCluster
  #walr: RunningProgram | undefined

  private constructor(cluster: PostgresCluster, place: ArchivePlace, receiveDirectory: string) {
    this.#cluster = cluster
    this.place = place
    this.receiveDirectory = receiveDirectory
  }

  /** Makes a slot, an empty receive directory and a configuration; and starts walr. */
  static async start(cluster: PostgresCluster, place: ArchivePlace): Promise<Archiver> {
    const archiver = new Archiver(cluster, place, makeOwnedFolder(join(place.folder, `receive-${slots + 1}`)))
    await createSlot(cluster, archiver.slot)
    archiver.start()
    return archiver
  }

  get walr(): RunningProgram {
    if (!this.#walr) throw new Error('walr was never started')
    return this.#walr
  }

  start(): void {
    const config = writeConfiguration(this.place, `${this.slot}.yaml`, this.place.writer, {
      connection: this.#cluster.conninfo(),
      receive: { directory: this.receiveDirectory, slot: this.slot },
    })
    const user = unprivilegedUser()
    this.#walr = startWalr(['receive', '--config', config, '--verbose'], {
      ...(user ? { user } : {}),
      env: { PGAPPNAME: this.slot },
    })
  }

  /** Resolves when all that the server has flushed is durable in the receive directory. */
  async untilReceived(): Promise<void> {
    const target = await this.#cluster.text('select pg_current_wal_flush_lsn()')
    const isFlushed = async (): Promise<boolean> => {
      const found = await this.#cluster.exec(
        `select 1 from pg_stat_replication where application_name = $1 and flush_lsn >= $2::pg_lsn`,
        [this.slot, target],
      )
      return found.length === 1
    }
    await waitFor(`${this.slot} has flushed ${target}`, isFlushed, { deadlineMs: 60_000, intervalMs: 50 }).catch(
      (cause: unknown) => {
        throw new Error(`walr has not received everything:\n${this.walr.stderr.join('\n')}`, { cause })
      },
    )
  }

  /** Stops walr, which archives everything that is finished before it ends. */
  async stop(): Promise<void> {
    const status = await this.walr.stop('SIGTERM', 60_000)
    const said = JSON.parse(readFileSync(join(this.receiveDirectory, '.walr/status.json'), 'utf8')) as {
      archive: { backlog: { files: number } }
    }
    if (status === 0 && said.archive.backlog.files === 0) return
    throw new Error(`walr ended with ${status} and a backlog:\n${this.walr.stderr.join('\n')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#walr?.[Symbol.asyncDispose]()
  }
}

/** What {@link ArchivedPrimary.start} makes. */
export interface PrimaryOptions {
  readonly version: PostgresVersion
  readonly places: readonly ArchivePlace[]
  readonly settings?: Readonly<Record<string, string>>
  /** 1 when absent. */
  readonly walSegmentSizeMb?: number
}

/**
 * A running cluster with one walr for each place that receives and archives its WAL, and a base backup. Row 1 was committed
 * before the backup began, row 2 while it was taken.
 */
export class ArchivedPrimary implements AsyncDisposable {
  readonly server: PostgresCluster
  readonly archivers: readonly Archiver[]
  /** The data directory of the backup. */
  readonly base: string
  readonly rows: RowPoint[]
  readonly #scratch: Scratch

  private constructor(scratch: Scratch, server: PostgresCluster, archivers: readonly Archiver[], rows: RowPoint[]) {
    this.server = server
    this.archivers = archivers
    this.base = join(scratch.path, 'data')
    this.rows = rows
    this.#scratch = scratch
  }

  static async start({
    version,
    places,
    settings = {},
    walSegmentSizeMb = 1,
  }: PrimaryOptions): Promise<ArchivedPrimary> {
    await using made = new AsyncDisposableStack()
    const scratch = made.use(makeScratch('base', 'server'))
    const server = made.use(
      await startCluster({ version, walSegmentSizeMb, settings: { wal_keep_size: '1GB', ...settings } }),
    )
    const archivers: Archiver[] = []
    for (const place of places) archivers.push(made.use(await Archiver.start(server, place)))
    const primary = new ArchivedPrimary(scratch, server, archivers, [])
    await makeTable(server)
    await primary.addRow()
    await takeBaseBackup(server, primary.base, () => primary.addRow())
    await primary.finishSegment()
    made.move()
    return primary
  }

  /** Commits the next row. */
  async addRow(): Promise<void> {
    this.rows.push(await writeRow(this.server, this.rows.length + 1))
  }

  async finishSegment(): Promise<void> {
    await this.server.exec('select pg_switch_wal()')
  }

  /** Resolves when everything is durable in the receive directories. */
  async untilReceived(): Promise<void> {
    await Promise.all(this.archivers.map((archiver) => archiver.untilReceived()))
  }

  /** Kills the server, and lets walr archive what it has. */
  async lose(): Promise<void> {
    await this.server.kill()
    await Promise.all(this.archivers.map((archiver) => archiver.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const archiver of this.archivers) await archiver[Symbol.asyncDispose]()
    await this.server[Symbol.asyncDispose]()
    this.#scratch.remove()
  }
}

/** What {@link loseCluster} makes. */
export interface HistoryOptions extends PrimaryOptions {
  /** Rows in finished segments, at least 3; 6 when absent. One more is in the open segment. */
  readonly rows?: number
}

/**
 * A base backup of a cluster that was lost afterwards, and its WAL in one or several archives: rows from the third on each in
 * a segment of its own, and the last one in the open segment, which only the receive directories have.
 */
export interface LostCluster extends AsyncDisposable {
  readonly version: PostgresVersion
  readonly base: string
  readonly systemIdentifier: string
  /** The segment in which recovery begins. */
  readonly firstSegment: string
  /** The last finished one. */
  readonly lastSegment: string
  readonly archivers: readonly Archiver[]
  /** How many rows are in finished segments. */
  readonly finishedRows: number
  /** The row with this number. */
  row(number: number): RowPoint
}

export async function loseCluster({ rows = 6, ...options }: HistoryOptions): Promise<LostCluster> {
  const primary = await ArchivedPrimary.start(options)
  try {
    while (primary.rows.length < rows) {
      await primary.addRow()
      await primary.finishSegment()
    }
    await primary.addRow()
    await primary.untilReceived()
    const systemIdentifier = await primary.server.text('select system_identifier::text from pg_control_system()')
    await primary.lose()
    const row = (number: number): RowPoint => {
      const found = primary.rows[number - 1]
      if (!found) throw new Error(`there is no row ${number}`)
      return found
    }
    const label = readFileSync(join(primary.base, 'backup_label'), 'utf8')
    return {
      version: options.version,
      base: primary.base,
      systemIdentifier,
      firstSegment: /file ([0-9A-F]{24})/.exec(label)?.[1] ?? '',
      lastSegment: row(rows).segment,
      archivers: primary.archivers,
      finishedRows: rows,
      row,
      [Symbol.asyncDispose]: () => primary[Symbol.asyncDispose](),
    }
  } catch (error) {
    await primary[Symbol.asyncDispose]()
    throw error
  }
}

/** The whole numbers from 1 to this one: the rows that are there. */
export function upTo(number: number): readonly number[] {
  return Array.from({ length: number }, (_, index) => index + 1)
}

/** What a configuration for recovery may have beside the archive. */
export interface ReaderOptions {
  readonly name?: string
  readonly storage?: Readonly<Record<string, unknown>>
  readonly cluster?: string
  readonly receiveDirectory?: string
  /** Further sections. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** Writes the configuration of a walr that only reads the archive. Returns its path. */
export function writeReaderConfiguration(place: ArchivePlace, options: ReaderOptions = {}): string {
  const { name = 'reader', storage = place.reader, cluster, receiveDirectory, more } = options
  return writeConfiguration(place, `${name}.yaml`, storage, {
    ...(cluster !== undefined && { cluster }),
    ...(receiveDirectory !== undefined && { receive: { directory: receiveDirectory } }),
    ...more,
  })
}

function writeConfiguration(
  place: ArchivePlace,
  name: string,
  storage: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>>,
): string {
  const plugins = place.plugins.map((plugin) => `@walr/${plugin}`)
  const content = JSON.stringify({ plugins, archive: { storage, codecs: place.codecs }, ...more }, undefined, 2)
  return writeOwned(join(place.folder, name), content)
}
