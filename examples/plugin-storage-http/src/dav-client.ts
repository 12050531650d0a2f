import { isStorageError, StorageError } from '@walr/core/plugin'
import { parseListing, type DavEntry } from './dav-listing.ts'

/** Where the storage is: the URL of a folder, with a slash at its end, and `username:password`. */
export interface DavPlace {
  readonly base: string
  readonly credentials: string | undefined
}

interface DavRequest {
  /** The answers that make sense; any other one is an error. */
  readonly expect: readonly number[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AsyncIterable<Uint8Array> | string
  readonly signal: AbortSignal
}

const PROPERTIES = '<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>'
/** Faults of the network that pass by themselves. */
const PASSING = /^(ECONN\w+|EPIPE|E(HOST|NET)UNREACH|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|UND_ERR_(SOCKET|\w+_TIMEOUT))$/

/** Speaks WebDAV. Everything rejects with a StorageError, or with the reason of its signal. */
export class DavClient {
  readonly #place: DavPlace
  readonly #headers: Readonly<Record<string, string>>
  readonly #closing = new AbortController()

  constructor(place: DavPlace) {
    this.#place = place
    const authorization = `Basic ${Buffer.from(place.credentials ?? '').toString('base64')}`
    this.#headers = { 'accept-encoding': 'identity', ...(place.credentials && { authorization }) }
  }

  /** Ends what is under way. */
  close(): void {
    this.#closing.abort()
  }

  /** Sends a request. Its body is the caller's, to be read with {@link read}. */
  async send(method: string, url: string, { expect, headers, body, signal }: DavRequest): Promise<Response> {
    const init = {
      ...{ method, headers: { ...this.#headers, ...headers }, body: body ?? null, duplex: 'half' as const },
      signal: AbortSignal.any([signal, this.#closing.signal]),
      // with 'manual' fetch keeps all of a body in memory, to send it again
      redirect: typeof body === 'object' ? ('error' as const) : ('manual' as const),
    }
    const answer = await this.guard(signal, () => fetch(url, init))
    if (expect.includes(answer.status)) return answer
    await answer.body?.cancel()
    throw statusError(`${method} ${url}: the server answered ${answer.status}`, answer)
  }

  /** Sends a request whose answer is small, and reads it. */
  async ask(method: string, url: string, request: DavRequest): Promise<{ status: number; text: string }> {
    const answer = await this.send(method, url, request)
    return { status: answer.status, text: await this.guard(request.signal, () => answer.text()) }
  }

  /** What is at `url`, with depth 1 what is in it as well; nothing when that is absent. */
  async find(url: string, depth: 0 | 1, signal: AbortSignal): Promise<readonly DavEntry[]> {
    const request = { expect: [207, 301, 400, 404], headers: { depth: String(depth) }, body: PROPERTIES, signal }
    const { status, text } = await this.ask('PROPFIND', url, request)
    if (status === 207) return this.guard(signal, () => parseListing(text))
    // Apache sends whoever names a folder without a slash elsewhere.
    if (status === 301 && !url.endsWith('/')) return this.find(`${url}/`, depth, signal)
    // Apache answers 400 below an object, as if it were a folder; but only a 404 says that something is absent.
    if (status !== 404) await this.ask('HEAD', url, { expect: [404], signal })
    return []
  }

  /** Without the base folder everything is lost, and nothing is absent. */
  async assertBase(signal: AbortSignal): Promise<void> {
    await this.ask('PROPFIND', this.#place.base, { expect: [207], headers: { depth: '0' }, signal })
  }

  /** Makes a folder below the base, and those between. */
  async makeFolder(url: string, signal: AbortSignal): Promise<void> {
    if (url === this.#place.base) return
    let { status } = await this.ask('MKCOL', url, { expect: [201, 403, 405, 409], signal })
    if (status === 409) {
      await this.makeFolder(new URL('..', url).href, signal)
      status = (await this.ask('MKCOL', url, { expect: [201, 403, 405], signal })).status
    }
    // 405: it is there. Of several that make one at once Apache answers 403 to all but one.
    if (status !== 403 || (await this.find(url, 0, signal)).length > 0) return
    throw new StorageError('AccessDenied', `MKCOL ${url}: the server answered 403`)
  }

  /** The bytes of an answer. */
  async *read(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* body
    } catch (error) {
      await this.guard(signal, () => Promise.reject(error as Error))
    }
  }

  /** Does `work`, and makes of its errors what a storage may reject with. */
  async guard<T>(signal: AbortSignal, work: () => T | Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (this.#closing.signal.aborted) throw new StorageError('Permanent', 'the storage is closed')
      throw isStorageError(error) ? error : networkError(error)
    }
  }
}

function statusError(message: string, { status, headers }: Response): StorageError {
  if (status === 401 || status === 403) return new StorageError('AccessDenied', message)
  const isPassing = [408, 423, 425, 429].includes(status) || (status >= 500 && status !== 501 && status !== 507)
  if (!isPassing) return new StorageError('Permanent', message)
  const seconds = Number(headers.get('retry-after') ?? NaN)
  return new StorageError('Transient', message, { retryAfterMs: seconds >= 0 ? seconds * 1000 : undefined })
}

/** What is not known here is Permanent, never NotFound. */
function networkError(error: unknown): StorageError {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return new StorageError(PASSING.test(code) ? 'Transient' : 'Permanent', String(cause), { cause: error })
}
