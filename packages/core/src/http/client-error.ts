import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** What a server's `clientError` knows. */
interface ClientError extends Error {
  readonly code?: string
}

const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/** Answers what is no request; nothing in the middle of another answer, which would look like a part of that. */
export function answerClientError({ code = '' }: ClientError, socket: Duplex): void {
  // Node's own mark of an answer that is under way.
  const busy = '_httpMessage' in socket && socket._httpMessage !== null && socket._httpMessage !== undefined
  if (busy || !socket.writable || code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = statuses[code] ?? 400
  const body = `${JSON.stringify({ code: 'WALR_USAGE', message: 'this is no request that walr understands' })}\n`
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
