import { nodeDisk } from '../../disk/node-disk.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { isArchived } from '../../wal/archive-mark.ts'

/** What is in the archive only is "unknown" then. */
export function warnOfUnservedArchive(logger: Logger): void {
  logger.warning('http: the archive is not served, because it is configured by the environment alone', {
    hint: 'Put "archive" into a configuration file, and name that with --config or WALR_CONFIG.',
  })
}

/** The same where no archive is configured at all, of a directory that WAL leaves for one. */
export async function warnOfArchivedDirectory(directory: string, logger: Logger): Promise<void> {
  // A directory that cannot be read is told of by whoever needs what is in it.
  if (!(await isArchived(nodeDisk, directory).catch(() => false))) return
  logger.warning(`http: WAL leaves "${directory}" for an archive, which is not served`, {
    hint: 'Name the configuration of that archive with --config FILE. Without it requests for such WAL are answered with 503.',
  })
}
