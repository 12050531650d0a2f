import { StorageError } from '@walr/core/plugin'
import type { Lease } from './connection-pool.ts'
import { sftpStorageError } from './error-map.ts'
import type { SftpSession } from './sftp-session.ts'

/** Servers may give less; ssh2 asks twice where it knows that one does. */
const REQUEST_BYTES = 65_536
/** So many requests fill the window of a channel, 2 MiB. */
const REQUESTS_AT_ONCE = 32

/** Where an object's bytes are, and who waits for them. */
export interface OpenObject {
  readonly key: string
  readonly handle: Buffer
  readonly lease: Lease
  /** The first byte, and the one behind the last. */
  readonly start: number
  readonly end: number
  readonly signal: AbortSignal
}

interface Piece {
  readonly buffer: Buffer
  readonly filled: Promise<void>
}

/**
 * Reads a range of an open file once, with many requests under way. Closes the file, and gives the connection back, at the
 * end, at an error, at an abort, and when it is left early, before the first chunk, too.
 */
export class ObjectReader implements AsyncIterableIterator<Uint8Array> {
  readonly #object: OpenObject
  readonly #session: SftpSession
  readonly #pieces: Piece[] = []
  /** The memory of the chunk that the consumer has finished with. */
  #free: Buffer[] = []
  #lent: Buffer | undefined
  #asked: number
  #closing: Promise<void> | undefined

  constructor(object: OpenObject) {
    this.#object = object
    this.#session = object.lease.session
    this.#asked = object.start
    if (object.signal.aborted) this.#onAbort()
    else object.signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { signal, key } = this.#object
    signal.throwIfAborted()
    if (this.#closing) return { done: true, value: undefined }
    if (this.#lent) this.#free.push(this.#lent)
    this.#lent = undefined
    try {
      this.#askAhead()
      const piece = this.#pieces.shift()
      if (piece) {
        await piece.filled
        signal.throwIfAborted()
        this.#lent = piece.buffer
        return { done: false, value: piece.buffer }
      }
      await this.#close()
      return { done: true, value: undefined }
    } catch (error) {
      await this.#close().catch(() => undefined)
      signal.throwIfAborted()
      throw sftpStorageError(error, `could not read "${key}" to its end`)
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    await this.#close().catch(() => undefined)
    return { done: true, value: undefined }
  }

  #askAhead(): void {
    const { end } = this.#object
    while (this.#pieces.length < REQUESTS_AT_ONCE && this.#asked < end) {
      const length = Math.min(REQUEST_BYTES, end - this.#asked)
      const memory = this.#free.pop() ?? Buffer.allocUnsafe(length)
      const buffer = memory.length === length ? memory : memory.subarray(0, length)
      const filled = this.#fill(buffer, this.#asked)
      filled.catch(() => undefined) // it may fail while nobody asks for the chunk
      this.#pieces.push({ buffer, filled })
      this.#asked += length
    }
  }

  /** A server may give less than it was asked for, wherever the file goes on. */
  async #fill(buffer: Buffer, position: number): Promise<void> {
    const { handle, end } = this.#object
    for (let from = 0; from < buffer.length;) {
      const count = await this.#session.read(handle, buffer, { from, to: buffer.length }, position + from)
      if (count === 0) {
        const at = position + from
        throw new StorageError('Transient', `the file ended at byte ${at}; ${end} were there when it was opened`)
      }
      from += count
    }
  }

  readonly #onAbort = (): void => {
    this.#close().catch(() => undefined)
  }

  #close(): Promise<void> {
    this.#closing ??= this.#closeOnce()
    return this.#closing
  }

  async #closeOnce(): Promise<void> {
    const { signal, handle, lease } = this.#object
    signal.removeEventListener('abort', this.#onAbort)
    try {
      // The server works on requests in their order: what was asked for before is answered before.
      await this.#session.closeHandle(handle)
    } finally {
      lease.release()
    }
  }
}
