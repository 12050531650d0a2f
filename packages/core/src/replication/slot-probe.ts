import { isWalrError } from '../errors/walr-error.ts'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'
import { slotMissing } from './replication-slot.ts'
import type { SlotState } from './start-position.ts'

/**
 * Asks pg_replication_slots about a slot, which the replication protocol cannot do: whether a slot without a position is
 * new or has lost its WAL, and on servers before 15 which position it has.
 * @param connectSql an ordinary connection to a database.
 * @returns `unknown` when no such connection is allowed or nothing can be read on it.
 * @throws WalrError WALR_SLOT_MISSING
 */
export async function probeSlot(
  name: string,
  connectSql: () => Promise<ReplicationConnection>,
): Promise<{ readonly state: SlotState; readonly restartLsn: Lsn | undefined }> {
  let rows: readonly (readonly (string | null)[])[]
  try {
    const connection = await connectSql()
    try {
      const literal = `'${name.replaceAll("'", "''")}'`
      rows = await connection.query(
        `SELECT restart_lsn, wal_status FROM pg_catalog.pg_replication_slots WHERE slot_name = ${literal}`,
      )
    } finally {
      await connection.close()
    }
  } catch (error) {
    // Not being let in is an answer; anything that is no error of walr's own vocabulary is a fault.
    if (isWalrError(error)) return { state: 'unknown', restartLsn: undefined }
    throw error
  }
  const [row] = rows
  if (!row) throw slotMissing(name)
  const restartLsn = parseLsn(row[0] ?? '')
  if (row[1] === 'lost') return { state: 'lost', restartLsn: undefined }
  return { state: restartLsn === undefined ? 'never-used' : 'reserved', restartLsn }
}
