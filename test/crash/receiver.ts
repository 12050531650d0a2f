import type { PostgresCluster } from '../support/postgres-cluster.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { waitFor, type WaitOptions } from '../support/wait-for.ts'
import { startWalr } from '../support/walr-process.ts'
import { lsnOf } from './received-wal.ts'

/** How {@link startReceiver} runs `walr receive`. */
export interface ReceiverOptions {
  /** Name of the slot, and of the standby in pg_stat_replication; `walr` when absent. */
  readonly slot?: string
  /** More arguments, such as `--compress=gzip`. */
  readonly args?: readonly string[]
  /** More connection settings, such as the port of a proxy. */
  readonly settings?: Readonly<Record<string, string>>
}

/** What the server says about a receiver. */
export interface Standby {
  /** Of the walsender, so of the connection. */
  readonly pid: number
  /** The last flush position that was reported. */
  readonly flushLsn: bigint
  /** When the last status message was sent, in milliseconds. */
  readonly replyTimeMs: number
}

/** Starts `walr receive --verbose` with a slot. */
export function startReceiver(
  cluster: PostgresCluster,
  directory: string,
  { slot = 'walr', args = [], settings = {} }: ReceiverOptions = {},
): RunningProgram {
  return startWalr(['receive', ...receiverArgs(cluster, directory, { slot, settings }), '--verbose', ...args])
}

/** The arguments that both walr and pg_receivewal understand. */
export function receiverArgs(
  cluster: PostgresCluster,
  directory: string,
  { slot = 'walr', settings = {} }: ReceiverOptions = {},
): readonly string[] {
  return ['-D', directory, '-S', slot, '-d', cluster.conninfo({ application_name: slot, ...settings })]
}

/** Makes a physical slot that keeps WAL from now on. */
export async function createSlot(cluster: PostgresCluster, slot = 'walr'): Promise<void> {
  await cluster.exec('select pg_create_physical_replication_slot($1, true)', [slot])
}

/** The receiver as pg_stat_replication shows it; undefined when it is not streaming. */
export async function standbyOf(cluster: PostgresCluster, name = 'walr'): Promise<Standby | undefined> {
  const [row] = await cluster.exec(
    `select pid, flush_lsn, extract(epoch from reply_time) * 1000 as reply_ms from pg_stat_replication
      where application_name = $1 and state in ('streaming', 'catchup')`,
    [name],
  )
  if (!row) return undefined
  const flushLsn = typeof row['flush_lsn'] === 'string' ? lsnOf(row['flush_lsn']) : 0n
  return { pid: Number(row['pid']), flushLsn, replyTimeMs: Number(row['reply_ms']) }
}

/** Resolves to the end of the server's WAL as it was at the call, once the receiver has reported that as flushed. */
export async function untilFlushed(
  cluster: PostgresCluster,
  { name = 'walr', ...wait }: WaitOptions & { readonly name?: string } = {},
): Promise<bigint> {
  const lsn = lsnOf(await cluster.text('select pg_current_wal_flush_lsn()'))
  await waitFor(
    `${name} has flushed everything`,
    async () => ((await standbyOf(cluster, name))?.flushLsn ?? 0n) >= lsn,
    { deadlineMs: 30_000, intervalMs: 50, ...wait },
  )
  return lsn
}

/**
 * The last flush position that the server has heard of, from the slot, which keeps it; resolves when the connection of a
 * receiver that is gone has ended on the server, too, so that nothing is still under way.
 */
export async function lastReportedFlush(cluster: PostgresCluster, slot = 'walr'): Promise<bigint> {
  return waitFor(
    `slot ${slot} is not active`,
    async () => {
      const [row] = await cluster.exec('select active, restart_lsn from pg_replication_slots where slot_name = $1', [
        slot,
      ])
      if (row?.['active'] !== false) return undefined
      return typeof row['restart_lsn'] === 'string' ? lsnOf(row['restart_lsn']) : 0n
    },
    { intervalMs: 5 },
  )
}
