import type { IncomingMessage, ServerResponse } from 'node:http'
import { ERROR_CODES, type ErrorCode } from '../errors/error-codes.ts'
import { isWalrError } from '../errors/walr-error.ts'

/** Why a request is not answered with what it asks for. Everybody may read it: no paths, no names of hosts, no stack. */
export interface HttpProblem {
  readonly status: number
  readonly code: ErrorCode | 'ABSENT'
  readonly message: string
  readonly hint?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** Seconds after which it makes sense to ask again. */
const RETRY_SECONDS = '2'

export function badRequest(message: string): HttpProblem {
  return { status: 400, code: 'WALR_USAGE', message }
}

export const wrongMethod: HttpProblem = {
  status: 405,
  code: 'WALR_USAGE',
  message: 'only GET and HEAD are known here',
  headers: { allow: 'GET, HEAD' },
}

/** @param text why nobody can tell at the moment. */
export function unknownNow(code: ErrorCode, text: string, hint?: string): HttpProblem {
  return { status: 503, code, message: text, hint, headers: { 'retry-after': RETRY_SECONDS } }
}

/** What clients are told of an error; the log has the rest. Nothing but a source's own "absent" is a 404 (law 2). */
export function problemOf(name: string, error: unknown): HttpProblem {
  if (!isWalrError(error)) {
    const message = `"${name}" could not be looked for: a fault in walr itself`
    return { status: 500, code: 'WALR_INTERNAL', message, hint: 'The log of the walr that serves says more.' }
  }
  const text = `"${name}" cannot be given now: ${lowerFirst(ERROR_CODES[error.code].meaning)}`
  return unknownNow(error.code, text, 'The log of the walr that serves says more.')
}

/** WAL leaves the directory for an archive, and nothing here asks that: neither an outage nor an absence. */
export function unservedArchive(name: string): HttpProblem {
  return unknownNow(
    'WALR_ARCHIVE_UNAVAILABLE',
    `"${name}" is not in the directory that is served, and the archive that WAL leaves it for is not served`,
    'Start the walr that serves with the configuration of that archive: --config FILE.',
  )
}

/** Sends it, when nothing was sent yet; a body that nobody has read ends the connection. */
export function sendProblem(request: IncomingMessage, response: ServerResponse, problem: HttpProblem): void {
  if (response.headersSent || response.destroyed) return
  const { status, code, message, hint, headers } = problem
  const body = Buffer.from(`${JSON.stringify({ code, message, hint })}\n`)
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    ...(hasBody(request) && { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`
}
