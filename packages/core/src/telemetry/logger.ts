import type { ErrorCode } from '../errors/error-codes.ts'

/** What may follow a message. */
export interface LogExtra {
  readonly code?: ErrorCode | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  /** Facts for machines; shown by the JSON rendering only. Never secrets. */
  readonly fields?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
}

/**
 * Where walr reports to. The levels are those of PostgreSQL's client programs: `notice` is always shown and has no level
 * word, `info` is shown with `--verbose`, `debug` with `--verbose` given twice.
 */
export interface Logger {
  error(message: string, extra?: LogExtra): void
  warning(message: string, extra?: LogExtra): void
  notice(message: string, extra?: LogExtra): void
  info(message: string, extra?: LogExtra): void
  debug(message: string, extra?: LogExtra): void
}
