import { isWalFileName, parseHistoryFileName, type WalFileName } from '../wal/wal-file-name.ts'
import type { TimelineId } from '../wal/timeline-id.ts'

/** A file that PostgreSQL archives, as its name tells (`VALID_XFN_CHARS` in `postmaster/pgarch.c`, and who makes them). */
export type ServerFile =
  | { readonly kind: 'segment'; readonly name: WalFileName }
  | { readonly kind: 'history'; readonly name: string; readonly timelineId: TimelineId }
  /** `SEGMENT.OFFSET.backup`: written at the end of a base backup. */
  | { readonly kind: 'backup'; readonly name: string }
  /** `SEGMENT.partial`: the last segment of a timeline that a promotion has left. */
  | { readonly kind: 'partial'; readonly name: `${WalFileName}.partial`; readonly walFileName: WalFileName }

const backupPattern = /^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/

/** @returns undefined for a name that PostgreSQL gives to nothing that is archived. */
export function parseServerFile(name: string): ServerFile | undefined {
  if (isWalFileName(name)) return { kind: 'segment', name }
  const timelineId = parseHistoryFileName(name)
  if (timelineId !== undefined) return { kind: 'history', name, timelineId }
  if (backupPattern.test(name)) return { kind: 'backup', name }
  const walFileName = name.slice(0, 24)
  if (isWalFileName(walFileName) && name === `${walFileName}.partial`) {
    return { kind: 'partial', name: `${walFileName}.partial`, walFileName }
  }
  return undefined
}

/** PostgreSQL's own order (`ready_file_comparator`): histories first, then by name, which is by timeline and age. */
export function byUrgency(one: ServerFile, other: ServerFile): number {
  if ((one.kind === 'history') !== (other.kind === 'history')) return one.kind === 'history' ? -1 : 1
  return one.name < other.name ? -1 : Number(one.name > other.name)
}
