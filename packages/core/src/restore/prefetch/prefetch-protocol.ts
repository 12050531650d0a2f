import { ERROR_CODES, type ErrorCode } from '../../errors/error-codes.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { StorageError } from '../../plugins/contract/index.ts'
import { askedPauseMs, failureKind, type RecoveryFailureKind } from '../failure-kind.ts'
import type { PrefetchOutcome } from './prefetcher.ts'

/** What a client sends: one line of JSON. */
export interface PrefetchQuestion {
  /** Of the client's command line: the prefetcher answers only for its own. */
  readonly identity: string
  /** `%f`. */
  readonly name: string
  readonly partial: 'auto' | 'never'
  readonly atGap: 'stop' | 'end'
}

/** A failure as it travels; `kind` is what causes would say. */
export interface SentFailure {
  readonly code: ErrorCode
  readonly message: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly kind: RecoveryFailureKind
  readonly pauseMs: number
}

/** What the prefetcher has to say beside the answer, for the log of PostgreSQL. */
export interface SentWarning {
  readonly message: string
  readonly hint: string | undefined
}

/** What comes back: one line of JSON, after any number of {@link SIGNS}, which say that the answer is worked on. */
export type PrefetchReply = { readonly warnings: readonly SentWarning[] } & (
  | { readonly kind: 'delivered'; readonly given: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly failure: SentFailure }
  | { readonly kind: 'direct' }
  /** The prefetcher works for another command line, and ends now, or its configuration has changed. */
  | { readonly kind: 'ending'; readonly why: string }
)

/** A longer line is none of this protocol. */
export const MAX_LINE_BYTES = 65_536
/** Lines that come before the answer: `progress` when bytes have come meanwhile. */
export const SIGNS = { alive: '', progress: '+' } as const
/** Between two of them. */
export const ALIVE_INTERVAL_MS = 1000

export function replyOf(outcome: PrefetchOutcome, warnings: readonly SentWarning[]): PrefetchReply {
  if (outcome.kind !== 'failed') return { ...outcome, warnings }
  const { error } = outcome
  const { code, message, detail, hint } = error
  const failure = { code, message, detail, hint, kind: failureKind(error), pauseMs: askedPauseMs(error) }
  return { kind: 'failed', failure, warnings }
}

/** The error as it was at the other end: `failureKind` and `askedPauseMs` say the same of it. */
export function failureOf({ code, message, detail, hint, kind, pauseMs }: SentFailure): WalrError {
  const storageCode = kind === 'outage' ? 'Transient' : 'Permanent'
  const cause = kind === 'final' ? undefined : new StorageError(storageCode, message, { retryAfterMs: pauseMs })
  return new WalrError(code, message, { detail, hint, ...(cause === undefined ? {} : { cause }) })
}

/** @returns undefined for a line that is not a question. */
export function parseQuestion(line: string): PrefetchQuestion | undefined {
  const value = parsed(line)
  const { identity, name, partial, atGap } = value
  if (typeof identity !== 'string' || typeof name !== 'string') return undefined
  if (partial !== 'auto' && partial !== 'never') return undefined
  if (atGap !== 'stop' && atGap !== 'end') return undefined
  return { identity, name, partial, atGap }
}

/** @returns undefined for a line that is not a reply. */
export function parseReply(line: string): PrefetchReply | undefined {
  const value = parsed(line)
  const warnings = Array.isArray(value['warnings']) ? value['warnings'].flatMap(parseWarning) : []
  switch (value['kind']) {
    case 'absent':
    case 'direct':
      return { kind: value['kind'], warnings }
    case 'ending':
      return { kind: 'ending', why: textOf(value['why']) ?? '', warnings }
    case 'delivered': {
      // Only a number: it becomes part of a path.
      const { given } = value
      return typeof given === 'string' && /^\d{1,15}$/.test(given) ? { kind: 'delivered', given, warnings } : undefined
    }
    case 'failed': {
      const failure = parseFailure(value['failure'])
      return failure && { kind: 'failed', failure, warnings }
    }
    default:
      return undefined
  }
}

function parseFailure(value: unknown): SentFailure | undefined {
  if (!isRecord(value)) return undefined
  const { code, message, detail, hint, kind, pauseMs } = value
  if (typeof code !== 'string' || !isErrorCode(code) || typeof message !== 'string') return undefined
  if (kind !== 'outage' && kind !== 'refused' && kind !== 'final') return undefined
  const pause = typeof pauseMs === 'number' ? pauseMs : 0
  return { code, message, detail: textOf(detail), hint: textOf(hint), kind, pauseMs: pause }
}

function parseWarning(value: unknown): SentWarning[] {
  if (!isRecord(value) || typeof value['message'] !== 'string') return []
  return [{ message: value['message'], hint: textOf(value['hint']) }]
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : {}
  } catch {
    return {}
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
