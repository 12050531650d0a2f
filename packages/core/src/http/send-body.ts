import type { ServerResponse } from 'node:http'
import { WalrError } from '../errors/walr-error.ts'

/** The client does not take what it asked for. */
export class SlowReader extends Error {
  constructor(ms: number) {
    super(`the client has taken nothing for ${ms / 1000} s`)
  }
}

/** The client has gone in the middle. */
export class LostReader extends Error {}

export interface SendBodyOptions {
  /** In bytes, as it was announced. */
  readonly size: number
  readonly description: string
  /** So long may a chunk take to be taken. */
  readonly idleMs: number
  readonly signal: AbortSignal
}

/**
 * Sends the bytes of a body, each chunk when the system has taken the one before: nothing is kept but one. The last byte
 * waits until the source has said that all of them were good; so a damaged copy never looks whole.
 * @throws WalrError WALR_SEGMENT_CORRUPT for another number of bytes; {@link SlowReader}, {@link LostReader}; what the source
 * throws; the reason of `signal`
 */
export async function sendBody(
  response: ServerResponse,
  bytes: AsyncIterable<Uint8Array>,
  { size, description, idleMs, signal }: SendBodyOptions,
): Promise<void> {
  let received = 0
  let last: Uint8Array | undefined
  for await (const chunk of bytes) {
    received += chunk.length
    if (received > size) throw damaged(description, `has more than ${size} bytes`)
    if (received < size) await write(response, chunk, idleMs, signal)
    else if (chunk.length > 0) {
      last = Buffer.from(chunk.subarray(-1))
      await write(response, chunk.subarray(0, -1), idleMs, signal)
    }
  }
  if (received < size) throw damaged(description, `has ${received} bytes instead of ${size}`)
  if (last !== undefined) await write(response, last, idleMs, signal)
  response.end()
}

/** Resolves when the system has taken the bytes: until then they are borrowed. */
async function write(response: ServerResponse, bytes: Uint8Array, idleMs: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (bytes.length === 0) return
  let stop: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      stop = () => reject(signal.reason as Error)
      signal.addEventListener('abort', stop, { once: true })
      timer = setTimeout(() => reject(new SlowReader(idleMs)), idleMs)
      response.write(bytes, (error) => (error ? reject(new LostReader(error.message, { cause: error })) : resolve()))
    })
  } finally {
    clearTimeout(timer)
    if (stop) signal.removeEventListener('abort', stop)
  }
}

function damaged(description: string, what: string): WalrError {
  return new WalrError('WALR_SEGMENT_CORRUPT', `${description} ${what}`)
}
