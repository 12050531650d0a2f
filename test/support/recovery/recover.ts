import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startCluster, type PostgresCluster } from '../postgres-cluster.ts'
import { walrCommandLine } from '../stage-for-user.ts'
import { waitFor } from '../wait-for.ts'
import type { ArchivePlace } from './archive-place.ts'
import { writeReaderConfiguration, type LostCluster, type ReaderOptions } from './archived-cluster.ts'
import type { RowPoint } from './row-history.ts'

/** How far recovery goes. */
export const TARGET_KINDS = ['time', 'lsn', 'xid', 'name', 'immediate', 'latest'] as const
export type TargetKind = (typeof TARGET_KINDS)[number]

/** How {@link startRecovery} sets up the server. */
export interface RecoveryOptions {
  /** `restore_command`. */
  readonly command: string
  /** Lines for postgresql.conf, such as those of {@link targetSettings}. */
  readonly settings?: Readonly<Record<string, string>>
  /** `recovery.signal` when absent. */
  readonly signalFile?: 'recovery.signal' | 'standby.signal'
}

/** `restore_command` for walr with these arguments, which come before those that PostgreSQL adds. */
export function restoreCommandLine(args: string): string {
  return walrCommandLine(`restore-command ${args} %f %p`)
}

/** Arguments of restore-command for an archive alone, unless `reader` names a receive directory. */
export function readerArguments(place: ArchivePlace, reader: ReaderOptions = {}): string {
  const config = writeReaderConfiguration(place, reader)
  return `--config "${config}"${reader.receiveDirectory === undefined ? ' --archive-only' : ''}`
}

/** The settings that end recovery right behind a row's commit, and then promote. */
export function targetSettings(kind: TargetKind, row: RowPoint): Readonly<Record<string, string>> {
  const promote = { recovery_target_action: 'promote' }
  switch (kind) {
    case 'time':
      return { recovery_target_time: row.time, ...promote }
    case 'lsn':
      return { recovery_target_lsn: row.lsn, ...promote }
    case 'xid':
      return { recovery_target_xid: row.xid, ...promote }
    case 'name':
      return { recovery_target_name: row.name, ...promote }
    case 'immediate':
      return { recovery_target: 'immediate', ...promote }
    case 'latest':
      return {}
  }
}

/** Starts recovery of a copy of the backup, and does not wait for anything. */
export async function startRecovery(
  lost: Pick<LostCluster, 'version' | 'base'>,
  options: RecoveryOptions,
): Promise<PostgresCluster> {
  const server = await startCluster({
    version: lost.version,
    copyOf: lost.base,
    signalFiles: [options.signalFile ?? 'recovery.signal'],
    settings: { restore_command: options.command, ...options.settings },
    start: false,
  })
  await server.start({ untilReady: false })
  return server
}

/** Resolves to the timeline on which the server takes writes after recovery. */
export async function untilPromoted(server: PostgresCluster, deadlineMs = 60_000): Promise<number> {
  const promoted = async (): Promise<string | false> => {
    if (!server.isRunning) return 'ended'
    return (await server.text('select pg_is_in_recovery()')) === 'false' && 'promoted'
  }
  const what = await waitFor('the end of recovery', promoted, { deadlineMs, intervalMs: 100 }).catch(
    (cause: unknown) => {
      throw new Error(`recovery does not end; the server's log:\n${server.log}`, { cause })
    },
  )
  if (what === 'ended') throw new Error(`the server has ended; its log:\n${server.log}`)
  if (existsSync(join(server.dataDirectory, 'recovery.signal'))) throw new Error('recovery.signal is still there')
  const segment = await server.text('select pg_walfile_name(pg_current_wal_insert_lsn())')
  return Number.parseInt(segment.slice(0, 8), 16)
}

/** Resolves when the server has ended by itself; rejects when it was promoted, or made a timeline of its own. */
export async function untilRefused(server: PostgresCluster, deadlineMs = 60_000): Promise<void> {
  const status = await server.ended(deadlineMs).catch((cause: unknown) => {
    throw new Error(`the server has not ended; its log:\n${server.log}`, { cause })
  })
  const { log } = server
  const faults = [
    ...(status === 0 ? ['it ended with status 0'] : []),
    ...(/FATAL: +could not restore file "[0-9A-F.a-z]+" from archive/.test(log) ? [] : ['there is no such FATAL']),
    ...(log.includes('archive recovery complete') ? ['recovery was completed'] : []),
    ...(log.includes('selected new timeline') ? ['a timeline was selected'] : []),
    ...(existsSync(join(server.dataDirectory, 'recovery.signal')) ? [] : ['recovery.signal is gone']),
  ]
  if (faults.length > 0) throw new Error(`${faults.join(', ')}; the server's log:\n${log}`)
}

/** Names of the history files that the server has made or kept. */
export function historyFiles(server: PostgresCluster): readonly string[] {
  return readdirSync(join(server.dataDirectory, 'pg_wal')).filter((name) => name.endsWith('.history'))
}
