import type { ErrorCode } from '../../errors/error-codes.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { ServerReport } from './server-message.ts'

/** `FATAL:  the message`, as PostgreSQL's programs print what the server says. */
export function formatServerReport(report: ServerReport): string {
  return `${report.severity}:  ${report.message}`
}

/** The server's error as walr's: `prefix` goes before the text; SQLSTATE, detail and hint are the server's. */
export function serverError(code: ErrorCode, prefix: string, report: ServerReport): WalrError {
  const { detail, hint, sqlState } = report
  return new WalrError(code, `${prefix}${formatServerReport(report)}`, { detail, hint, sqlState })
}

/** What an error before the end of the login means: refused for who we are, or not reachable now. */
export function loginErrorCode(sqlState: string): ErrorCode {
  const refused = sqlState.startsWith('28') || sqlState === '3D000' || sqlState === '42501'
  return refused ? 'WALR_AUTHENTICATION_FAILED' : 'WALR_CONNECT_FAILED'
}

/** True for errors after which the server closes the connection. */
export function isFatal(report: ServerReport): boolean {
  return report.severity === 'FATAL' || report.severity === 'PANIC'
}

/** Hands a NoticeResponse to the log: warnings as such, all else with `--verbose` only. */
export function logNotice(logger: Logger, report: ServerReport): void {
  const { detail, hint, sqlState } = report
  const extra = { detail, hint, fields: { sqlState } }
  if (report.severity === 'WARNING') logger.warning(report.message, extra)
  else logger.info(formatServerReport(report), extra)
}
