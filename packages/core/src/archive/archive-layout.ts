import { formatLsn, toLsn, type Lsn } from '../wal/lsn.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import { formatTimelineId, type TimelineId } from '../wal/timeline-id.ts'
import { isWalFileName, type WalFileName } from '../wal/wal-file-name.ts'

/** A segment's object as its key tells. */
export interface SegmentKey {
  readonly walFileName: WalFileName
  /** The codecs that it went through: `.zst.aes`, or empty. */
  readonly suffixes: string
}

/**
 * Where things are in an archive of format 1, below the storage's own prefix: `<cluster>/<systemIdentifier>/...`.
 * `docs/archive-format.md` specifies it.
 */
export class ArchiveLayout {
  readonly #cluster: string
  readonly #systemIdentifier: SystemIdentifier

  constructor(cluster: string, systemIdentifier: SystemIdentifier) {
    this.#cluster = cluster
    this.#systemIdentifier = systemIdentifier
  }

  /** The object that says whose archive it is. */
  get identityKey(): string {
    return this.#key('identity.json')
  }

  /** Before all segments of all timelines. */
  get walPrefix(): string {
    return this.#key('wal/')
  }

  get gapsPrefix(): string {
    return this.#key('gaps/')
  }

  timelinePrefix(timelineId: TimelineId): string {
    return `${this.walPrefix}${formatTimelineId(timelineId)}/`
  }

  segmentKey(name: WalFileName, suffixes: string): string {
    return `${this.walPrefix}${name.slice(0, 8)}/${name}${suffixes}`
  }

  /** History files are not encoded: they hold no data, and are the first thing that a recovery asks for. */
  historyKey(historyFileName: string): string {
    return this.#key(`history/${historyFileName}`)
  }

  /** `SEGMENT.OFFSET.backup`, which PostgreSQL writes at the end of a base backup; not encoded either. */
  backupHistoryKey(backupHistoryFileName: string): string {
    return this.#key(`backup-history/${backupHistoryFileName}`)
  }

  /** The unfinished last segment of a timeline that a promotion left: `SEGMENT.partial` of PostgreSQL. */
  partialKey(partialFileName: string, suffixes: string): string {
    return this.#key(`partial/${partialFileName.slice(0, 8)}/${partialFileName}${suffixes}`)
  }

  gapKey(fileName: string): string {
    return `${this.gapsPrefix}${fileName}`
  }

  /** For WAL whose name is taken by other WAL; `digest` is of the plain bytes, so that the same bytes have the same key. */
  quarantineKey(name: string, digest: string, suffixes: string): string {
    return this.#key(`quarantine/${name}-${digest}${suffixes}`)
  }

  /** What codecs bind to an object: its place in this system's archive. An archive may be moved and its cluster renamed. */
  boundKey(key: string): string {
    return key.slice(this.#cluster.length + 1)
  }

  #key(rest: string): string {
    return `${this.#cluster}/${this.#systemIdentifier}/${rest}`
  }
}

/** Reads a segment's key; undefined for other objects, also for those in further folders, which are left alone. */
export function parseSegmentKey(key: string): SegmentKey | undefined {
  const match = /\/wal\/([0-9A-F]{8})\/(\1[0-9A-F]{16})((?:\.[a-z0-9]{1,8})*)$/.exec(key)
  const name = match?.[2]
  if (name === undefined || !isWalFileName(name)) return undefined
  return { walFileName: name, suffixes: match?.[3] ?? '' }
}

/** WAL that is missing, as the name of its record tells: `<start>-<end>.json`, both as 16 hexadecimal digits. */
export function parseGapFileName(fileName: string): { readonly startLsn: Lsn; readonly endLsn: Lsn } | undefined {
  const match = /^([0-9A-F]{16})-([0-9A-F]{16})\.json$/.exec(fileName)
  if (!match) return undefined
  return { startLsn: toLsn(BigInt(`0x${match[1] ?? ''}`)), endLsn: toLsn(BigInt(`0x${match[2] ?? ''}`)) }
}

/** For messages. */
export function lsnRange(startLsn: Lsn, endLsn: Lsn): string {
  return `${formatLsn(startLsn)} to ${formatLsn(endLsn)}`
}
