import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PostgresCluster } from './postgres-cluster.ts'

/** Makes the server finish `count` segments with data in them. Resolves to the name of the last one of these. */
export async function finishSegments(cluster: PostgresCluster, count: number): Promise<string> {
  let name = ''
  for (let number = 0; number < count; number++) {
    await cluster.exec(
      `select pg_logical_emit_message(false, 'walr', repeat(md5(random()::text), 32 * ${1 + (number % 3) * 100}))`,
    )
    name = await cluster.text('select pg_walfile_name(pg_current_wal_insert_lsn())')
    await cluster.exec('select pg_switch_wal()')
  }
  return name
}

/** The bytes of a segment in the server's own pg_wal. */
export function serverSegment(cluster: PostgresCluster, name: string): Buffer {
  return readFileSync(join(cluster.dataDirectory, 'pg_wal', name))
}

/** A slot that keeps WAL from now on. */
export async function createSlot(cluster: PostgresCluster, name: string): Promise<void> {
  await cluster.exec('select pg_create_physical_replication_slot($1, true)', [name])
}
