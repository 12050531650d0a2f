import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../telemetry/logger.ts'
import { printableLine } from '../telemetry/printable-text.ts'

const MAX_SHOWN = 80

/** Logs a request when it has ended. The query, the headers and with them the token stay out of it. */
export function logWhenEnded(request: IncomingMessage, response: ServerResponse, logger: Logger): void {
  const { socket, method = '', url = '' } = request
  const startedAt = performance.now()
  const startBytes = socket.bytesWritten
  response.once('close', () => {
    const path = printableLine(url.split(/[?#]/, 1)[0] ?? '')
    const shown = path.length > MAX_SHOWN ? `${path.slice(0, MAX_SHOWN)}...` : path
    const ms = Math.round(performance.now() - startedAt)
    const bytes = socket.bytesWritten - startBytes
    const cut = response.writableFinished ? '' : ', cut'
    const status = response.headersSent ? response.statusCode : 0
    logger.info(`http: ${method} ${shown}: ${status === 0 ? 'no answer' : status}, ${bytes} bytes in ${ms} ms${cut}`, {
      fields: { method, path: shown, status, bytes, ms, finished: response.writableFinished },
    })
  })
}
