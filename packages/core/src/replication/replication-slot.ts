import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import { toTimelineId, type TimelineId } from '../wal/timeline-id.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'

/** What a physical slot holds. */
export interface SlotPosition {
  /** Oldest WAL that the slot keeps; undefined when it keeps none: never used, or lost. */
  readonly restartLsn: Lsn | undefined
  readonly restartTimelineId: TimelineId | undefined
}

/** PostgreSQL 15 and newer answer READ_REPLICATION_SLOT. */
const READ_SLOT_VERSION = 150_000
const DUPLICATE_OBJECT = '42710'
const UNDEFINED_OBJECT = '42704'
const OBJECT_NOT_READY = '55000'

/** A slot's name as the replication grammar wants it. */
export function quoteSlotName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Reads a slot.
 * @returns undefined when the server is too old to be asked.
 * @throws WalrError WALR_SLOT_MISSING
 */
export async function readSlot(connection: ReplicationConnection, name: string): Promise<SlotPosition | undefined> {
  if (connection.serverVersionNumber < READ_SLOT_VERSION) return undefined
  const [row] = await connection.query(`READ_REPLICATION_SLOT ${quoteSlotName(name)}`)
  if (!row || row[0] === null) throw slotMissing(name)
  return {
    restartLsn: parseLsn(row[1] ?? ''),
    restartTimelineId: row[2] ? toTimelineId(Number(row[2])) : undefined,
  }
}

/**
 * Creates a physical slot that keeps WAL from now on: pg_receivewal's keeps none until its first connection.
 * @returns false when it existed and `ifNotExists` allows that.
 */
export async function createSlot(
  connection: ReplicationConnection,
  name: string,
  ifNotExists: boolean,
): Promise<boolean> {
  try {
    await connection.query(`CREATE_REPLICATION_SLOT ${quoteSlotName(name)} PHYSICAL RESERVE_WAL`)
    return true
  } catch (error) {
    if (ifNotExists && isWalrError(error) && error.sqlState === DUPLICATE_OBJECT) return false
    throw error
  }
}

/**
 * Makes the slot if it is not there. Servers before 15 cannot be asked, and log an error when it is.
 * @returns whether it was made.
 */
export async function ensureSlot(connection: ReplicationConnection, name: string): Promise<boolean> {
  try {
    if (await readSlot(connection, name)) return false
  } catch (error) {
    if (!isWalrError(error, 'WALR_SLOT_MISSING')) throw error
  }
  return createSlot(connection, name, true)
}

export async function dropSlot(connection: ReplicationConnection, name: string): Promise<void> {
  await connection.query(`DROP_REPLICATION_SLOT ${quoteSlotName(name)}`)
}

/** The error for a slot that is not there. */
export function slotMissing(name: string, cause?: unknown): WalrError {
  return new WalrError('WALR_SLOT_MISSING', `replication slot "${name}" does not exist`, {
    hint: `Create it with "walr receive --slot ${name} --create-slot". Until then the server keeps no WAL for walr.`,
    cause,
  })
}

/** Whether a server's error says that the slot is not there. */
export function isSlotMissing(error: unknown): boolean {
  return isWalrError(error) && error.sqlState === UNDEFINED_OBJECT
}

/**
 * Whether a server's error says that the slot has lost what it kept. Before 15 the code means a logical slot, which newer
 * servers refuse to {@link readSlot}.
 */
export function isSlotInvalidated(error: unknown, serverVersionNumber: number): boolean {
  return serverVersionNumber >= READ_SLOT_VERSION && isWalrError(error) && error.sqlState === OBJECT_NOT_READY
}
