import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { PostgresCluster } from '../support/postgres-cluster.ts'

/** Who writes, and for how long. */
export interface AcknowledgedLoad {
  readonly clients: number
  readonly durationMs: number
  /** Ends the server while they write. */
  readonly untilEnd: () => Promise<unknown>
}

/**
 * Inserts rows from several clients at once, fills segments meanwhile, and ends the server in the middle of it.
 * @returns the numbers of the rows whose commits were acknowledged.
 */
export async function acknowledgedRows(server: PostgresCluster, load: AcknowledgedLoad): Promise<readonly number[]> {
  const acknowledged: number[] = []
  const endMs = performance.now() + load.durationMs
  let next = 1000
  const insert = async (): Promise<void> => {
    const { host, port, superuser: user } = server
    const client = new pg.Client({ host, port, user, database: 'postgres' })
    client.on('error', () => undefined) // the server is killed under it
    await client.connect()
    try {
      for (;;) {
        const number = next++
        await client.query(
          `with padding as (select pg_logical_emit_message(true, 'walr', repeat(md5(random()::text), 500)))
           insert into rows select ${number} from padding`,
        )
        acknowledged.push(number)
      }
    } catch (error) {
      if (performance.now() < endMs) throw error
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  const clients = Promise.all(Array.from({ length: load.clients }, insert))
  clients.catch(() => undefined)
  await delay(load.durationMs)
  await load.untilEnd()
  await clients
  return acknowledged
}
