import type { IncomingMessage } from 'node:http'
import { WalrError, type WalrErrorOptions } from '../errors/walr-error.ts'
import type { ErrorCode } from '../errors/error-codes.ts'
import { printableLine } from '../telemetry/printable-text.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'

/** What a `walr serve` says of a file before its bytes. */
export interface ServedFile {
  readonly kind: 'file' | 'absent'
  readonly systemIdentifier: SystemIdentifier
  readonly isUnfinished: boolean
  /** With `absent`: later segments of its timeline are there. */
  readonly isFollowed: boolean
  readonly length: number
}

const MAX_ERROR_BYTES = 16_384
const ERROR_BODY_MS = 5000

/**
 * Reads status and headers.
 * @param where `"http://..."`, for messages.
 * @throws WalrError WALR_SERVE_UNAVAILABLE for what passes by itself; WALR_SERVE_REFUSED for the rest, and for whatever walr
 * would not say: a proxy's "not found" is none (law 2).
 */
export async function readAnswer(where: string, response: IncomingMessage): Promise<ServedFile> {
  const { statusCode: status = 0, headers } = response
  if (status === 200 || status === 404) {
    const answer = walrAnswer(status, headers)
    if (typeof answer !== 'string') {
      // Read to its end, so that the connection can be used again.
      if (answer.kind === 'absent') await readErrorBody(response)
      return answer
    }
    response.destroy()
    throw refused(`${where} answered ${status}, but not as walr does: ${answer}`, {
      hint: 'Name the address of a "walr serve", or of a "walr receive" with "http" in its configuration.',
    })
  }
  if (status >= 300 && status < 400) {
    response.destroy()
    throw refused(`${where} answered with a redirect (${status}), which is not followed`, {
      hint: 'Name the address that it leads to.',
    })
  }
  const { message, hint } = await readErrorBody(response)
  const text = `${where} answered ${status}${message === undefined ? '' : `: ${message}`}`
  if (status >= 500 || status === 408 || status === 429) throw failure('WALR_SERVE_UNAVAILABLE', text, { hint })
  throw refused(text, { hint: hint ?? hintFor(status) })
}

function walrAnswer(status: 200 | 404, headers: IncomingMessage['headers']): ServedFile | string {
  const systemIdentifier = parseSystemIdentifier(String(headers['walr-system-identifier'] ?? ''))
  if (systemIdentifier === undefined) return 'it has no header Walr-System-Identifier'
  if (status === 404) {
    const isFollowed = headers['walr-followed'] === 'true'
    return { kind: 'absent', systemIdentifier, isUnfinished: false, isFollowed, length: 0 }
  }
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') return `it is encoded (${printableLine(encoding)})`
  const length = headers['content-length'] ?? ''
  if (!/^\d{1,15}$/.test(length)) return 'it does not say how long it is'
  const unfinished = headers['walr-unfinished']
  if (unfinished !== 'true' && unfinished !== 'false') return 'it has no header Walr-Unfinished'
  return {
    kind: 'file',
    systemIdentifier,
    isUnfinished: unfinished === 'true',
    isFollowed: false,
    length: Number(length),
  }
}

/** Never rejects: the status says enough. */
async function readErrorBody(response: IncomingMessage): Promise<{ message?: string; hint?: string }> {
  const late = setTimeout(() => response.destroy(), ERROR_BODY_MS)
  try {
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > MAX_ERROR_BYTES) return {}
      chunks.push(chunk)
    }
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof body !== 'object' || body === null) return {}
    const { message, hint } = body as Record<string, unknown>
    return {
      ...(typeof message === 'string' && message !== '' && { message: printableLine(message) }),
      ...(typeof hint === 'string' && hint !== '' && { hint: printableLine(hint) }),
    }
  } catch {
    return {}
  } finally {
    clearTimeout(late)
    response.destroy()
  }
}

function hintFor(status: number): string | undefined {
  if (status === 401) return 'Give the token of "http.token" there with --serve-token-file.'
  if (status === 403) return 'Give a client certificate that it accepts with --serve-cert and --serve-key.'
  return undefined
}

function refused(message: string, options: WalrErrorOptions): WalrError {
  return failure('WALR_SERVE_REFUSED', message, options)
}

function failure(code: ErrorCode, message: string, options: WalrErrorOptions): WalrError {
  return new WalrError(code, message, options)
}
