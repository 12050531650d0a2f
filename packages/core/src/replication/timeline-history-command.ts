import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { historyFileName } from '../wal/wal-file-name.ts'
import type { ReplicationConnection } from './connection/replication-connection.ts'

const UNDEFINED_FILE = '58P01'

/** Whether a server's error says that it has no such file: WAL that it has removed, or a history that it never had. */
export function isFileMissing(error: unknown): boolean {
  return isWalrError(error) && error.sqlState === UNDEFINED_FILE
}

/**
 * Asks the server for the history file of a timeline.
 * @returns the file's bytes, or undefined when the server has no such file.
 * @throws WalrError WALR_PROTOCOL when it answers with another file.
 */
export async function fetchTimelineHistory(
  connection: ReplicationConnection,
  timelineId: TimelineId,
): Promise<Buffer | undefined> {
  let rows
  try {
    rows = await connection.query(`TIMELINE_HISTORY ${timelineId}`)
  } catch (error) {
    if (isFileMissing(error)) return undefined
    throw error
  }
  const [fileName, content] = rows[0] ?? []
  if (fileName !== historyFileName(timelineId) || content === null || content === undefined) {
    throw new WalrError(
      'WALR_PROTOCOL',
      `server reported unexpected history file name for timeline ${timelineId}: ${fileName ?? 'none'}`,
    )
  }
  return Buffer.from(content, 'utf8')
}
