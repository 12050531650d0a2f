import type { ArchiveEnd, ServerLine } from '../../archive/archive-end.ts'
import type { ArchiveStatus } from '../../archive/archive-status.ts'
import type { ErrorCode } from '../../errors/error-codes.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { ArchiveConfig } from '../../config/walr-config.ts'
import type { LogExtra, Logger } from '../../telemetry/logger.ts'
import type { Seam } from '../../wal/seam.ts'
import type { DirectoryIdentity } from '../../wal/directory-identity.ts'

/** What the archive's thread is started with. Plain data: it is copied. */
export interface ArchiveThreadSettings {
  readonly directory: string
  readonly cluster: string
  readonly archive: ArchiveConfig
  readonly plugins: readonly string[]
  readonly configFile: string | undefined
  readonly baseDirectory: string
  /** Whether the server keeps what the archive lacks, for a guard slot. */
  readonly guarded: boolean
  /** After so long archiving begins without a storage that is not open yet; the loader's own limit when absent. */
  readonly openTimeoutMs?: number
}

/** From the receiving thread to the archive's. */
export type ArchiveRequest =
  /** Whose WAL it is: archiving begins. Sent again it changes nothing. */
  | { readonly type: 'begin'; readonly identity: DirectoryIdentity }
  /** Something was finished in the directory. */
  | { readonly type: 'hint' }
  /** Whether the server keeps nothing any more for the guard slot. */
  | { readonly type: 'guard'; readonly isLost: boolean }
  /** Where does the archive end? Answered by `end` with the same id. */
  | {
      readonly type: 'find-end'
      readonly id: number
      readonly server: ServerLine
      readonly identity: DirectoryIdentity
    }
  /** Archive what is there, then end. */
  | { readonly type: 'drain' }
  /** End at once. */
  | { readonly type: 'abort' }

/** Where the archive ends, and the last WAL in it. */
export interface FoundEnd extends ArchiveEnd {
  readonly seam: Seam | undefined
}

/** From the archive's thread to the receiving one. */
export type ArchiveReport =
  /** Plugins and keys are good. */
  | { readonly type: 'ready' }
  /** They are not; the thread has ended. */
  | { readonly type: 'failed'; readonly error: SentError }
  | { readonly type: 'status'; readonly status: ArchiveStatus }
  | {
      readonly type: 'log'
      readonly level: keyof Logger
      readonly message: string
      readonly extra: LogExtra | undefined
    }
  | { readonly type: 'end'; readonly id: number; readonly end: FoundEnd | undefined }
  | { readonly type: 'end-failed'; readonly id: number; readonly error: SentError }

/** An error as it travels between threads, where classes are lost. */
export interface SentError {
  readonly code: ErrorCode
  readonly message: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly stack: string | undefined
  /** What it was translated from. */
  readonly cause: SentError | undefined
}

/** Causes beyond this depth stay behind. */
const DEPTH = 5

export function sendError(error: unknown, depth = 0): SentError {
  const stack = error instanceof Error ? error.stack : undefined
  const inner = error instanceof Error ? error.cause : undefined
  const cause = inner === undefined || depth >= DEPTH ? undefined : sendError(inner, depth + 1)
  if (isWalrError(error)) {
    const { code, message, detail, hint } = error
    return { code, message, detail, hint, stack, cause }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'WALR_INTERNAL', message, detail: undefined, hint: undefined, stack, cause }
}

export function receiveError({ code, message, detail, hint, stack, cause }: SentError): WalrError {
  const error = new WalrError(code, message, { detail, hint, ...(cause && { cause: receiveError(cause) }) })
  if (stack !== undefined) error.stack = stack
  return error
}
