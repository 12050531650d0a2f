import { inspect } from 'node:util'
import type { ErrorCode } from '../errors/error-codes.ts'
import { isWalrError } from '../errors/walr-error.ts'
import type { Logger } from './logger.ts'
import type { Verbosity } from './verbosity.ts'

/** More causes than this are a fault of their own. */
const MAX_DEPTH = 10

/**
 * Logs whatever was thrown as one error. A WalrError shows message, detail, hint and code; everything else is a fault of
 * walr and shows as `unexpected: ...` with WALR_INTERNAL. When verbose, the causes follow in the detail, and the stack of
 * a fault of walr.
 */
export function reportError(logger: Logger, error: unknown, verbosity: Verbosity): void {
  const { message, code, detail, hint } = describe(error)
  const lines = detail === undefined ? [] : [detail]
  if (verbosity > 0) {
    lines.push(...causesOf(error, 0))
    if (code === 'WALR_INTERNAL') lines.push(...stackOf(error))
  }
  logger.error(message, { code, detail: lines.length > 0 ? lines.join('\n') : undefined, hint })
}

interface Description {
  readonly message: string
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly hint: string | undefined
}

function describe(error: unknown): Description {
  if (isWalrError(error)) return error
  return {
    message: `unexpected: ${textOf(error)}`,
    code: 'WALR_INTERNAL',
    detail: undefined,
    hint: 'This is a fault in walr. Run again with "--verbose" and report the message with the stack trace.',
  }
}

function causesOf(error: unknown, depth: number): string[] {
  if (!(error instanceof Error) || depth >= MAX_DEPTH) return []
  const parts: unknown[] = error instanceof AggregateError ? [...(error.errors as unknown[])] : []
  if (error.cause !== undefined) parts.push(error.cause)
  return parts.flatMap((part) => [`caused by: ${textOf(part)}`, ...causesOf(part, depth + 1)])
}

function stackOf(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return []
  // Without the lines of the message, which stands above already.
  return error.stack.split('\n').filter((line) => /^\s+at /.test(line))
}

function textOf(value: unknown): string {
  if (isWalrError(value)) return value.message
  if (value instanceof Error) return value.name === 'Error' ? value.message : `${value.name}: ${value.message}`
  return typeof value === 'string' ? value : inspect(value)
}
