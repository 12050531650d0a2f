import { WalrError } from '../errors/walr-error.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { isWalFileName, parseHistoryFileName, type WalFileName } from '../wal/wal-file-name.ts'

/** A segment, whether it is finished or not. */
export interface WantedSegment {
  readonly kind: 'segment'
  readonly name: WalFileName
}

/** A file that PostgreSQL, or a person, may ask for. */
export type WantedFile =
  | WantedSegment
  | { readonly kind: 'history'; readonly name: string; readonly timelineId: TimelineId }
  /** An unfinished segment asked for by its own name; PostgreSQL does not, people do. */
  | { readonly kind: 'partial'; readonly name: string; readonly walFileName: WalFileName }
  | { readonly kind: 'backup-history'; readonly name: string }

const backupHistoryPattern = /^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/
const PARTIAL = '.partial'

/**
 * Reads `%f`.
 * @throws WalrError WALR_USAGE for a name that no WAL archive has.
 */
export function parseWantedFile(name: string): WantedFile {
  if (isWalFileName(name)) return { kind: 'segment', name }
  const timelineId = parseHistoryFileName(name)
  if (timelineId !== undefined) return { kind: 'history', name, timelineId }
  if (backupHistoryPattern.test(name)) return { kind: 'backup-history', name }
  const walFileName = name.endsWith(PARTIAL) ? name.slice(0, -PARTIAL.length) : ''
  if (isWalFileName(walFileName)) return { kind: 'partial', name, walFileName }
  throw new WalrError('WALR_USAGE', `"${name}" is not the name of a WAL segment, history or backup history file`, {
    hint: 'The first argument is what PostgreSQL puts in place of %f.',
  })
}
