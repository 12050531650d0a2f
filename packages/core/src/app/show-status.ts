import { hostname } from 'node:os'
import { nodeDisk } from '../disk/node-disk.ts'
import { EXIT_CODES } from '../errors/exit-codes.ts'
import { isSystemError } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { GuardSlotStatus } from '../replication/guard-slot.ts'
import type { HttpStatus } from './serve/http-status.ts'
import { readStatusFile, STALE_MS, type ReportedStatus } from './archive/status-file.ts'

/** The status of a receive directory's walr, for people and for programs. */
export interface ShownStatus {
  readonly running: boolean
  readonly status: ReportedStatus
  /** 0 when walr runs, 3 when WAL is missing, 1 when it does not run. */
  readonly exitCode: number
}

/**
 * Reads the status that the walr of this directory writes.
 * @throws WalrError WALR_DIRECTORY when there is none.
 */
export async function readStatus(directory: string, now: Date): Promise<ShownStatus> {
  const status = await readStatusFile(nodeDisk, directory)
  if (!status) {
    throw new WalrError('WALR_DIRECTORY', `no walr has written a status into "${directory}"`, {
      hint: '"walr receive" with "archive" or "http" in its configuration does. Is it the receive directory?',
    })
  }
  const stopped = status.archive.state === 'stopped' || status.receiver.state === 'stopped'
  const isFresh = now.getTime() - Date.parse(status.updatedAt) < STALE_MS
  const running = !stopped && isFresh && !hasDied(status)
  const gap = status.receiver.state === 'gap'
  return { running, status, exitCode: gap ? EXIT_CODES.gap : running ? EXIT_CODES.success : EXIT_CODES.failure }
}

/** Certain only for a process of this machine that is not there. */
function hasDied({ pid, host }: ReportedStatus): boolean {
  if (host !== hostname()) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return isSystemError(error, 'ESRCH')
  }
}

function guardText({ slot, lsn, trouble }: GuardSlotStatus): string {
  if (trouble) return `"${slot}": ${trouble.code} since ${trouble.since}: ${trouble.message}`
  return lsn === undefined ? `"${slot}" was not looked at yet` : `"${slot}" keeps WAL from ${lsn} on`
}

function httpText({ state, address, lastError }: HttpStatus): string {
  const where = address === undefined ? '' : ` on ${address}`
  const trouble = lastError === undefined ? '' : `; ${lastError.code} at ${lastError.at}: ${lastError.message}`
  const waiting = state === 'waiting' ? ' for the server to say whose WAL it is' : ''
  return `${state}${waiting}${where}${trouble}`
}

function archivedText({ archivedLsn, archivedTimelineId }: ReportedStatus['archive']): string {
  if (archivedLsn === undefined) return 'not known yet'
  return archivedTimelineId === undefined ? archivedLsn : `${archivedLsn} (timeline ${archivedTimelineId})`
}

function gapsText({ gapCount, heldGapCount }: ReportedStatus['archive']): string {
  const recorded = gapCount - heldGapCount
  const texts = [
    ...(recorded > 0 ? [`${recorded} recorded: take a new base backup, if there is none since`] : []),
    ...(heldGapCount > 0 ? [`${heldGapCount} that the server may still fill: see the last error`] : []),
  ]
  return texts.length === 0 ? 'none' : texts.join('; ')
}

/** An aligned table of it. */
export function statusTable({ running, status }: ShownStatus): string {
  const { receiver, archive, guard } = status
  const { backlog, lastError, lastArchived, quarantined } = archive
  const archiveRows: readonly (readonly [string, string])[] = [
    ['archive', archive.state],
    ['archived up to', archivedText(archive)],
    ['last archived', lastArchived ? `${lastArchived.walFileName} at ${lastArchived.at}` : 'nothing since the start'],
    ['backlog', `${backlog.files} files, ${backlog.bytes} bytes, oldest ${backlog.seconds} s`],
    ['gaps', gapsText(archive)],
    ['quarantined', quarantined.length === 0 ? 'none' : quarantined.join(', ')],
    ...(guard ? [['guard slot', guardText(guard)] as const] : []),
    ['last error', lastError ? `${lastError.code} at ${lastError.at}: ${lastError.message}` : 'none'],
  ]
  const rows: readonly (readonly [string, string])[] = [
    ['walr', running ? `running (process ${status.pid})` : `not running; last report ${status.updatedAt}`],
    ['receiver', `${receiver.state} since ${receiver.since} (${receiver.reason})`],
    ...(archive.state === 'off' ? [['archive', 'none'] as const] : archiveRows),
    ...(status.http ? [['http', httpText(status.http)] as const] : []),
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}
