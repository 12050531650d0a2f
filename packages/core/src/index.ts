/** What programs may import from `@walr/core`: errors, exit codes, and PostgreSQL's names and positions. */
export { ERROR_CODES, type ErrorCode } from './errors/error-codes.ts'
export { EXIT_CODES, RESTORE_EXIT_CODES } from './errors/exit-codes.ts'
export { isWalrError, WalrError, type WalrErrorOptions } from './errors/walr-error.ts'
export { formatLsn, parseLsn, type FlushedLsn, type Lsn } from './wal/lsn.ts'
export { formatTimelineId, toTimelineId, type TimelineId } from './wal/timeline-id.ts'
export { isWalFileName, type WalFileName } from './wal/wal-file-name.ts'
