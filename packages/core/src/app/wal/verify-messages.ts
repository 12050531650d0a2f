import type { ErrorCode } from '../../errors/error-codes.ts'
import type { ExpectedSegment } from '../../wal/page-header.ts'
import type { SegmentRecords } from '../../wal/record-edges.ts'
import type { ArchiveSettings } from '../archive/open-archive.ts'
import type { SentError } from '../archive/archive-messages.ts'

/** What a thread that checks segments is started with. Plain data: it is copied. */
export interface VerifyThreadSettings {
  /** Undefined when there are only files to be checked. */
  readonly archive: ArchiveSettings | undefined
}

/** A segment that is to be checked. */
export interface SegmentCheck {
  readonly id: number
  /** For messages: the segment's file name. */
  readonly name: string
  readonly source:
    | { readonly kind: 'object'; readonly key: string; readonly boundKey: string; readonly suffixes: string }
    | { readonly kind: 'file'; readonly directory: string; readonly fileName: string; readonly suffix: string }
  readonly expected: ExpectedSegment
  /** As the listing had it. */
  readonly storedBytes: number
  readonly isUnfinished: boolean
  /** Whether its records are looked at, too. */
  readonly deep: boolean
}

export type SegmentVerdict =
  | { readonly kind: 'good' }
  /** It was listed, and is not there. */
  | { readonly kind: 'gone' }
  /** `wrong-key`: the keys at hand do not decrypt it. `unreadable`: an outage or the like, so that nobody knows. */
  | { readonly kind: 'damaged' | 'wrong-key' | 'unreadable'; readonly code: ErrorCode; readonly message: string }

/** What a check found. */
export interface SegmentOutcome {
  readonly id: number
  readonly verdict: SegmentVerdict
  /** Read from the storage. */
  readonly storedBytes: number
  readonly plainBytes: number
  /** Of a deep check of a segment that decodes. */
  readonly records: SegmentRecords | undefined
}

/** From a thread. */
export type VerifyReport =
  | { readonly type: 'ready' }
  /** Plugins or keys are not good; the thread has ended. */
  | { readonly type: 'failed'; readonly error: SentError }
  | { readonly type: 'checked'; readonly outcome: SegmentOutcome }
  /** The check ended with a fault of walr. */
  | { readonly type: 'broken'; readonly id: number; readonly error: SentError }

/** To a thread. */
export type VerifyRequest = { readonly type: 'check'; readonly check: SegmentCheck } | { readonly type: 'end' }
