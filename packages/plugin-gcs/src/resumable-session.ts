import { StorageError } from '@walr/core/plugin'
import { repeatTransient } from '@walr/plugin-kit/storage'
import { customerKey, type GcsAccess } from './access.ts'
import { ApiError, parseJson } from './api-error.ts'
import { gcsStorageError } from './error-map.ts'
import { readText, type HttpAnswer } from './http-exchange.ts'
import { uploadCall, uploadMetadata, type UploadOptions } from './upload-target.ts'

/** "Resume Incomplete": the server wants more. */
const INCOMPLETE = 308
/** What the server answers when a session is cancelled. */
const CANCELLED = 499
const CLEANUP_TIMEOUT_MS = 3000

/** A stretch of an object. */
export interface Chunk {
  /** Kept until the server has it. */
  readonly bytes: Buffer
  /** Where it begins in the object. */
  readonly start: number
  /** CRC32C of the object up to the end of this chunk. */
  readonly crc32c: Buffer
  readonly isLast: boolean
}

/** How far the server is: it has so many bytes, or all of the object, about which it then tells. */
type Progress = { readonly persisted: number } | { readonly answer: unknown }

/** An upload in chunks; nobody sees any of it before the last one. */
export class ResumableSession {
  readonly #access: GcsAccess
  readonly #key: string
  readonly #url: URL
  readonly #signal: AbortSignal

  private constructor(access: GcsAccess, key: string, url: URL, signal: AbortSignal) {
    this.#access = access
    this.#key = key
    this.#url = url
    this.#signal = signal
  }

  static async begin(access: GcsAccess, key: string, options: UploadOptions): Promise<ResumableSession> {
    const call = uploadCall(access, 'resumable', options)
    const headers = { ...call.headers, 'content-type': 'application/json; charset=UTF-8' }
    const answer = await access.client.request({ ...call, headers, body: [uploadMetadata(access, key)] })
    await readText(answer)
    const url = URL.parse(answer.headers.location ?? '')
    const isSecure = access.options.endpoint.startsWith('https:')
    if (url === null || (isSecure && url.protocol !== 'https:')) {
      throw new StorageError('Permanent', 'the server began an upload without telling where it goes, or not securely')
    }
    return new ResumableSession(access, key, url, options.signal)
  }

  /**
   * Sends a chunk; after a transient error asks how much of it arrived, and sends the rest.
   * @returns what the server tells of the object after the last chunk, otherwise undefined.
   */
  async send(chunk: Chunk): Promise<unknown> {
    const end = chunk.start + chunk.bytes.length
    let isKnown = true
    let progress: Progress = { persisted: chunk.start }
    return repeatTransient(
      async () => {
        if (!isKnown) progress = await this.#ask()
        for (;;) {
          isKnown = true
          if ('answer' in progress) return this.#finished(chunk, progress.answer)
          const { persisted } = progress
          if (persisted < chunk.start || persisted > end)
            throw lost(`has ${persisted} bytes, not ${chunk.start} to ${end}`)
          if (persisted === end && !chunk.isLast) return undefined
          isKnown = false
          progress = await this.#sendFrom(chunk, persisted)
          if ('persisted' in progress && progress.persisted === persisted) throw lost('took nothing of a chunk')
        }
      },
      { signal: this.#signal, toStorageError: gcsStorageError },
    )
  }

  /** Gives up what was sent. What cannot be given up now is invisible, and ends by itself after a week. */
  async cancel(): Promise<void> {
    const signal = AbortSignal.timeout(CLEANUP_TIMEOUT_MS)
    const accepted = [CANCELLED, 200, 204, 404, 410]
    try {
      await readText(await this.#access.client.request({ ...this.#call('DELETE'), accepted, signal }))
    } catch (error) {
      const failed = `an upload of "${this.#key}" that failed could not be cancelled`
      this.#access.context.log.warning(gcsStorageError(error, failed).message)
    }
  }

  #finished({ isLast }: Chunk, answer: unknown): unknown {
    if (isLast) return answer
    throw new StorageError('Permanent', 'the server ended an upload before its last chunk')
  }

  async #sendFrom({ bytes, start, crc32c, isLast }: Chunk, persisted: number): Promise<Progress> {
    const rest = bytes.subarray(persisted - start)
    const total = isLast ? String(start + bytes.length) : '*'
    const range = rest.length === 0 ? '*' : `${persisted}-${persisted + rest.length - 1}`
    const headers = {
      'content-range': `bytes ${range}/${total}`,
      // with this the server refuses an object that was altered on the way
      ...(isLast ? { 'x-goog-hash': `crc32c=${crc32c.toString('base64')}` } : {}),
    }
    return this.#put(headers, [rest])
  }

  #ask(): Promise<Progress> {
    return this.#put({ 'content-range': 'bytes */*' }, [])
  }

  async #put(headers: Record<string, string>, body: readonly Uint8Array[]): Promise<Progress> {
    const call = this.#call('PUT')
    const accepted = [200, 201, INCOMPLETE]
    try {
      const answer = await this.#access.client.request({
        ...call,
        headers: { ...call.headers, ...headers },
        body,
        accepted,
        signal: this.#signal,
      })
      const text = await readText(answer)
      return answer.status === INCOMPLETE ? { persisted: persistedBytes(answer) } : { answer: parseJson(text) }
    } catch (error) {
      if (error instanceof ApiError && (error.status === 404 || error.status === 410)) {
        throw new StorageError('Transient', `the server no longer knows the upload: ${error.message}`, { cause: error })
      }
      throw error
    }
  }

  #call(method: string) {
    return { method, target: this.#url, headers: customerKey(this.#access.options) }
  }
}

/** In `bytes=0-262143`; the header is absent while there is nothing. */
function persistedBytes({ headers }: HttpAnswer): number {
  const { range } = headers
  if (range === undefined) return 0
  const [, last] = /^bytes=0-(\d{1,15})$/.exec(range) ?? []
  if (last === undefined) throw new StorageError('Permanent', `the server has "${range}" of an upload`)
  return Number(last) + 1
}

function lost(what: string): StorageError {
  return new StorageError('Transient', `the server ${what}`)
}
