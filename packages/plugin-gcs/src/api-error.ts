import { retryAfterMs } from '@walr/plugin-kit/storage'
import { z } from 'zod'
import { readText, type HttpAnswer } from './http-exchange.ts'

/** An answer with which the server refuses a request. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** The server's word for it, such as `rateLimitExceeded`; empty when it tells none, or the answer is of somebody else. */
  readonly reason: string
  readonly retryAfterMs: number | undefined

  constructor(status: number, reason: string, message: string, retryAfter?: number) {
    super(message)
    this.status = status
    this.reason = reason
    this.retryAfterMs = retryAfter
  }

  /** Reads what is left of an answer and makes an error of it. */
  static async from(answer: HttpAnswer): Promise<ApiError> {
    const { status, headers } = answer
    const text = await readText(answer)
    const { reason, message } = parse(text) ?? { reason: '', message: plainText(text, headers['content-type']) }
    const parts = [`the server answered ${status}`, ...(reason === '' ? [] : [` ${reason}`])]
    const said = message === '' ? '' : `: ${message}`
    return new ApiError(status, reason, parts.join('') + said, retryAfterMs(headers['retry-after']))
  }
}

const errorDocument = z.object({
  error: z.object({
    message: z.string().default(''),
    errors: z.array(z.object({ reason: z.string().default('') })).default([]),
  }),
})

function parse(text: string): { readonly reason: string; readonly message: string } | undefined {
  const document = errorDocument.safeParse(parseJson(text))
  if (!document.success) return undefined
  const { message, errors } = document.data.error
  return { reason: errors[0]?.reason ?? '', message: shorten(message) }
}

/** Downloads are refused in plain text, whatever type it is given. A page of HTML says nothing to anybody here. */
function plainText(text: string, type: string | undefined): string {
  return text.includes('<') ? `a page of type ${type ?? 'none'}, which is not of Google Cloud Storage` : shorten(text)
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= 300 ? line : `${line.slice(0, 300)}...`
}

/** Undefined when it is no JSON. The error that says so would quote it. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
