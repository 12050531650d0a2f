import type { Lsn } from '../wal/lsn.ts'
import { isWalFileName, parseHistoryFileName, type WalFileName } from '../wal/wal-file-name.ts'
import type { TimelineId } from '../wal/timeline-id.ts'
import { parseGapFileName, parseSegmentKey } from './archive-layout.ts'

/** What an object of an archive is, by its key below `<cluster>/<systemIdentifier>/`. */
export type ArchiveKey =
  | { readonly kind: 'identity' }
  | { readonly kind: 'segment'; readonly walFileName: WalFileName; readonly suffixes: string }
  | { readonly kind: 'history'; readonly timelineId: TimelineId }
  | { readonly kind: 'gap'; readonly startLsn: Lsn; readonly endLsn: Lsn }
  | { readonly kind: 'partial'; readonly walFileName: WalFileName; readonly suffixes: string }
  | { readonly kind: 'quarantine' | 'backup-history' | 'backup' | 'tail' }
  /** In a folder that walr knows, under a name that it does not give. */
  | { readonly kind: 'odd' }
  /** In a folder that walr does not know: of a later version, perhaps. */
  | { readonly kind: 'other' }

const partialPattern = /^([0-9A-F]{8})\/((\1[0-9A-F]{16})\.partial)((?:\.[a-z0-9]{1,8})*)$/
const quarantinePattern = /^(?:[0-9A-F]{24}|[0-9A-F]{8}\.history)[^/]*-[0-9a-f]{32}(?:\.[a-z0-9]{1,8})*$/
const backupHistoryPattern = /^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/

/** @param rest the key without `<cluster>/<systemIdentifier>/`. */
export function parseArchiveKey(rest: string): ArchiveKey {
  const slash = rest.indexOf('/')
  if (slash < 0) return { kind: rest === 'identity.json' ? 'identity' : 'other' }
  const name = rest.slice(slash + 1)
  switch (rest.slice(0, slash)) {
    case 'wal': {
      const segment = parseSegmentKey(`/${rest}`)
      return segment ? { kind: 'segment', ...segment } : { kind: 'odd' }
    }
    case 'history': {
      const timelineId = parseHistoryFileName(name)
      return timelineId === undefined ? { kind: 'odd' } : { kind: 'history', timelineId }
    }
    case 'gaps': {
      const gap = parseGapFileName(name)
      return gap ? { kind: 'gap', ...gap } : { kind: 'odd' }
    }
    case 'partial': {
      const match = partialPattern.exec(name)
      const walFileName = match?.[3]
      if (walFileName === undefined || !isWalFileName(walFileName)) return { kind: 'odd' }
      return { kind: 'partial', walFileName, suffixes: match?.[4] ?? '' }
    }
    case 'quarantine':
      return { kind: quarantinePattern.test(name) ? 'quarantine' : 'odd' }
    case 'backup-history':
      return { kind: backupHistoryPattern.test(name) ? 'backup-history' : 'odd' }
    case 'backups':
      return { kind: 'backup' }
    case 'tail':
      return { kind: 'tail' }
    default:
      return { kind: 'other' }
  }
}
