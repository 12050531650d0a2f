import pg from 'pg'
import type { PostgresCluster } from '../support/postgres-cluster.ts'
import { SeededRandom } from './seeded-random.ts'

/** Clients that write until they are stopped: many small commits, bulk that crosses segments, and forced switches. */
export class WalLoad implements AsyncDisposable {
  readonly #clients: pg.Client[] = []
  readonly #running: Promise<void>[] = []
  #stopping = false

  /** Use {@link startLoad}. */
  constructor(clients: readonly pg.Client[], random: SeededRandom) {
    this.#clients.push(...clients)
    for (const [index, client] of clients.entries()) {
      this.#running.push(
        this.#run(client, index === 0 ? bulkStatement : smallStatement, new SeededRandom(random.seed + index)),
      )
    }
  }

  /** Resolves when every client has finished its statement and is gone. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#running)
    await Promise.all(this.#clients.splice(0).map((client) => client.end()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined) // the server may be gone already
  }

  async #run(client: pg.Client, statement: (random: SeededRandom) => string, random: SeededRandom): Promise<void> {
    while (!this.#stopping) await client.query(statement(random))
  }
}

/** Starts three clients against `cluster`, in a table `load` of its own. About 5 MB of WAL a second. */
export async function startLoad(cluster: PostgresCluster, random: SeededRandom): Promise<WalLoad> {
  await cluster.exec('create table if not exists load (id bigint, filler text)')
  const clients = [1, 2, 3].map(() => {
    const { socketDirectory: host, port, superuser: user } = cluster
    return new pg.Client({ host, port, user, database: 'postgres' })
  })
  for (const client of clients) {
    client.on('error', () => undefined) // the server may be killed under it; the query then rejects
    await client.connect()
  }
  return new WalLoad(clients, random)
}

/** Writes about `megabytes` MiB of WAL that hardly compresses. */
export async function writeWal(cluster: PostgresCluster, megabytes: number): Promise<void> {
  await cluster.exec('create table if not exists bulk (id bigint, filler text)')
  await cluster.exec(
    `insert into bulk select g, ${Array.from({ length: 10 }, () => 'md5(random()::text)').join(' || ')} from generate_series(1, ${megabytes * 2600}) g`,
  )
}

function smallStatement(random: SeededRandom): string {
  return `${insert(random.between(1, 20))}; select pg_sleep(${(random.next() / 50).toFixed(4)})`
}

function bulkStatement(random: SeededRandom): string {
  const pause = `select pg_sleep(${(random.next() / 4).toFixed(4)})`
  const kind = random.next()
  if (kind < 0.4) return `${insert(random.between(1000, 6000))}; ${pause}`
  if (kind < 0.8) return `${insert(1)}; select pg_switch_wal(); ${pause}`
  return `${insert(random.between(1, 400))}; ${pause}`
}

function insert(rows: number): string {
  return `insert into load select g, repeat(md5(random()::text), 8) from generate_series(1, ${rows}) g`
}
