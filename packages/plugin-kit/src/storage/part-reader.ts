import { isStorageError, StorageError, type ByteSource } from '@walr/core/plugin'

/** Computes digests while bytes pass, so that no long stretch of work is left for the end. */
export interface DigestMeter<D> {
  update(bytes: Uint8Array): void
  /** Called once, after the last byte. */
  finish(): D
}

/** A stretch of a source, copied out of it. `D` are the digests of its bytes. */
export interface Part<D> {
  /** Valid until the part is given back. */
  readonly bytes: Buffer
  readonly isLast: boolean
  readonly digests: D
}

/**
 * Reads a source once, in parts. The bytes are copied unless they are in memory for good, since a source's
 * chunks are borrowed, and since a second reading of an encrypted object would give other bytes. A part that is given back lends its memory to a later one.
 */
export class PartReader<D> {
  readonly #source: ByteSource
  #iterator: AsyncIterator<Uint8Array> | undefined
  readonly #partSize: number
  readonly #createMeter: () => DigestMeter<D>
  readonly #free: Buffer[] = []
  #rest: Uint8Array = new Uint8Array()
  #given = 0
  #state: 'idle' | 'pulling' | 'ended' = 'idle'

  /** @param partSize in bytes. @param createMeter is called for every part. */
  constructor(source: ByteSource, partSize: number, createMeter: () => DigestMeter<D>) {
    this.#source = source
    this.#partSize = partSize
    this.#createMeter = createMeter
  }

  /** Bytes read so far; the object's size after the last part. */
  get given(): number {
    return this.#given
  }

  /**
   * Fills the next part. Rejects with the signal's reason even while the source is silent.
   * @throws StorageError when the source fails, or gives another number of bytes than it said.
   */
  async next(signal: AbortSignal): Promise<Part<D>> {
    const whole = this.#takeWhole()
    if (whole) return whole
    // memory that nothing was written to is not taken from the system yet
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(Math.min(this.#source.size ?? Infinity, this.#partSize))
    const meter = this.#createMeter()
    let used = 0
    while (this.#rest.length > 0 || (await this.#pull(signal))) {
      if (used === buffer.length) break
      const piece = this.#rest.subarray(0, buffer.length - used)
      buffer.set(piece, used)
      meter.update(piece)
      used += piece.length
      this.#rest = this.#rest.subarray(piece.length)
    }
    return { bytes: buffer.subarray(0, used), isLast: this.#state === 'ended', digests: meter.finish() }
  }

  /** The part's memory may be used again. Not to be called with one that holds the whole object. */
  giveBack({ bytes }: Part<D>): void {
    this.#free.push(Buffer.from(bytes.buffer))
  }

  /** An object that lies in memory already is sent from there, when one part is enough for it. */
  #takeWhole(): Part<D> | undefined {
    if (this.#state !== 'idle' || this.#given > 0) return undefined
    const { size } = this.#source
    if (size === undefined || size > this.#partSize) return undefined
    const { bytes } = this.#source
    if (!bytes) return undefined
    if (bytes.length !== size) throw this.#lied(`gave ${bytes.length}`)
    const meter = this.#createMeter()
    meter.update(bytes)
    this.#state = 'ended'
    this.#given = size
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    return { bytes: whole, isLast: true, digests: meter.finish() }
  }

  /** Tells the source that nothing more is wanted. One that is silent may answer later, so nobody waits for that. */
  async close(): Promise<void> {
    if (this.#state === 'ended') return
    const left = Promise.resolve(this.#iterator?.return?.()).catch(() => undefined)
    if (this.#state === 'idle') await left
  }

  /** Asks for chunks until one has bytes. @returns false at the end. */
  async #pull(signal: AbortSignal): Promise<boolean> {
    const { size } = this.#source
    while (this.#state !== 'ended') {
      const result = await this.#nextChunk(signal)
      if (result.done === true) {
        this.#state = 'ended'
        if (size !== undefined && this.#given !== size) throw this.#lied(`gave ${this.#given}`)
        return false
      }
      this.#given += result.value.length
      if (size !== undefined && this.#given > size) throw this.#lied('gave more')
      this.#rest = result.value
      if (this.#rest.length > 0) return true
    }
    return false
  }

  async #nextChunk(signal: AbortSignal): Promise<IteratorResult<Uint8Array>> {
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<never>()
    const onAbort = (): void => {
      aborted.reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort)
    this.#state = 'pulling'
    try {
      this.#iterator ??= this.#source.open()[Symbol.asyncIterator]()
      const result = await Promise.race([this.#iterator.next(), aborted.promise])
      this.#state = 'idle'
      return result
    } catch (error) {
      signal.throwIfAborted()
      this.#state = 'ended'
      const reason = error instanceof Error ? error.message : String(error)
      const code = isStorageError(error, 'Transient') ? 'Transient' : 'Permanent'
      throw new StorageError(code, `what was to be stored could not be read: ${reason}`, { cause: error })
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #lied(what: string): StorageError {
    return new StorageError('Permanent', `the source said it has ${this.#source.size ?? 'no'} bytes, but ${what}`)
  }
}
