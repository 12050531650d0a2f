import { StorageError } from '@walr/core/plugin'
import { retryAfterMs, systemErrorMeaning } from '@walr/plugin-kit/storage'
import { z } from 'zod'
import { parseJson } from '../api-error.ts'
import { exchange, readText, type Agents, type HttpAnswer, type HttpRequest } from '../http-exchange.ts'

/** What sources of tokens share. */
export interface TokenContext {
  /** For those who give tokens, which are other servers than the storage. */
  readonly agents: Agents
  readonly now: () => Date
  /** What tokens are asked for. */
  readonly scope: string
}

const refusal = z.object({
  error: z.union([z.string(), z.object({ message: z.string().optional(), status: z.string().optional() })]),
  error_description: z.string().optional(),
})

/**
 * Asks for a token and gives the JSON of the answer.
 * @param what is asked, for messages: `a token for the key file "/etc/walr/key.json"`.
 * @throws StorageError as a {@link TokenSource} does.
 */
export async function requestToken(
  { agents }: TokenContext,
  what: string,
  request: HttpRequest,
): Promise<{ readonly json: unknown; readonly headers: HttpAnswer['headers'] }> {
  const place = `could not get ${what} from ${request.url.origin}`
  try {
    const answer = await exchange(agents, request)
    const json = parseJson(await readText(answer))
    if (answer.status >= 200 && answer.status < 300) return { json, headers: answer.headers }
    throw refused(place, answer, json)
  } catch (error) {
    request.signal.throwIfAborted()
    if (error instanceof StorageError) throw error
    throw unreachable(place, error)
  }
}

/** A form, as token servers take it. */
export function formRequest(url: URL, fields: Readonly<Record<string, string>>, signal: AbortSignal): HttpRequest {
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: [Buffer.from(new URLSearchParams(fields).toString())],
    signal,
  }
}

/** What a server of tokens that does not give one means. */
export function refused(place: string, { status, headers }: Pick<HttpAnswer, 'status' | 'headers'>, json: unknown) {
  const said = refusal.safeParse(json).data
  const error =
    typeof said?.error === 'string' ? said.error : [said?.error.status, said?.error.message].join(' ').trim()
  const words = [`the answer was ${status}`, error, said?.error_description].filter((word) => word !== undefined)
  const text = `${place}: ${words.filter((word) => word !== '').join(': ')}`
  if (status === 408 || status === 429 || status >= 500) {
    return new StorageError('Transient', text, { retryAfterMs: retryAfterMs(headers['retry-after']) })
  }
  // a form that is refused is one whose credentials are: walr makes no others
  if (status === 400 || status === 401 || status === 403) {
    return new StorageError('AccessDenied', `${text}; renew or correct the credentials`)
  }
  return new StorageError('Permanent', text)
}

/** What an error on the way to a server of tokens means. Its cause is left out: those of libraries show what was sent. */
export function unreachable(place: string, error: unknown): StorageError {
  const { code, advice } = systemErrorMeaning(error, 'look at the certificates of this machine') ?? {
    code: 'Permanent',
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new StorageError(code, `${place}: ${[reason, advice].filter((part) => part !== undefined).join('; ')}`)
}
