import { WalrError } from '../errors/walr-error.ts'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'
import { toTimelineId, type TimelineId } from '../wal/timeline-id.ts'
import { parseWalSegmentSize, type WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'

/** The answer to IDENTIFY_SYSTEM. */
export interface SystemIdentity {
  readonly systemIdentifier: SystemIdentifier
  readonly timelineId: TimelineId
  /** Where the server's durable WAL ends (on a standby: where its replayed WAL ends). */
  readonly flushLsn: Lsn
}

/** @throws WalrError WALR_PROTOCOL when the answer is none. */
export async function identifySystem(connection: ReplicationConnection): Promise<SystemIdentity> {
  const [row] = await connection.query('IDENTIFY_SYSTEM')
  const systemIdentifier = parseSystemIdentifier(row?.[0] ?? '')
  const timelineText = row?.[1] ?? ''
  const flushLsn = parseLsn(row?.[2] ?? '')
  if (systemIdentifier === undefined || flushLsn === undefined || !/^[1-9]\d{0,9}$/.test(timelineText)) {
    throw new WalrError('WALR_PROTOCOL', `could not identify system: got "${row?.join('", "') ?? 'no row'}"`)
  }
  return { systemIdentifier, timelineId: toTimelineId(Number(timelineText)), flushLsn }
}

/** @throws WalrError WALR_WRONG_SEGMENT_SIZE when the server's answer is no segment size. */
export async function showWalSegmentSize(connection: ReplicationConnection): Promise<WalSegmentSize> {
  return parseWalSegmentSize(await show(connection, 'wal_segment_size'))
}

/** Mode for new files: the group may read them when it may read the server's data directory. */
export async function showFileMode(connection: ReplicationConnection): Promise<number> {
  return (await show(connection, 'data_directory_mode')) === '0750' ? 0o640 : 0o600
}

/** After how much silence of ours the server gives the connection up; 0 for never. */
export async function showWalSenderTimeoutMs(connection: ReplicationConnection): Promise<number> {
  const match = /^(\d+)(ms|s|min|h|d)?$/.exec(await show(connection, 'wal_sender_timeout'))
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }
  return match ? Number(match[1]) * (units[match[2] ?? 'ms'] ?? 1) : 0
}

async function show(connection: ReplicationConnection, name: string): Promise<string> {
  const [row] = await connection.query(`SHOW ${name}`)
  return row?.[0] ?? ''
}
