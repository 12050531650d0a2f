/**
 * Takes bytes from a stream of pieces in the lengths that the caller wants. One taker at a time. The input is closed by
 * {@link close}, which must be called in the end.
 */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>
  readonly #signal: AbortSignal
  #piece: Uint8Array = new Uint8Array(0)
  #at = 0
  #done = false
  #failure: { readonly error: unknown } | undefined
  #gathered: Buffer = Buffer.alloc(0)

  constructor(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    this.#pieces = pieces[Symbol.asyncIterator]()
    this.#signal = signal
  }

  /**
   * The next `length` bytes, fewer only when the input ends before. They are valid until the next call.
   * @throws the signal's reason; what the input throws.
   */
  async take(length: number): Promise<Uint8Array> {
    if (this.#piece.length - this.#at >= length) return this.#slice(length)
    if (this.#gathered.length < length) this.#gathered = Buffer.allocUnsafeSlow(length)
    let held = 0
    while (held < length && (await this.#fill())) {
      const part = this.#slice(Math.min(length - held, this.#piece.length - this.#at))
      this.#gathered.set(part, held)
      held += part.length
    }
    return this.#gathered.subarray(0, held)
  }

  /** True when this is what the input threw. */
  hasFailedWith(error: unknown): boolean {
    return this.#failure?.error === error
  }

  /** Tells the input that no more is wanted. Idempotent; rejects with what the input throws at that. */
  async close(): Promise<void> {
    if (this.#done) return
    this.#done = true
    await this.#pieces.return?.()
  }

  #slice(length: number): Uint8Array {
    const part = this.#piece.subarray(this.#at, this.#at + length)
    this.#at += length
    return part
  }

  /** Makes sure that the piece at hand has a byte left; false at the end. */
  async #fill(): Promise<boolean> {
    while (this.#at === this.#piece.length) {
      if (this.#done) return false
      this.#signal.throwIfAborted()
      const next = await this.#next()
      this.#signal.throwIfAborted()
      if (next.done === true) {
        this.#done = true
        return false
      }
      this.#piece = next.value
      this.#at = 0
    }
    return true
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#pieces.next()
    } catch (error) {
      // An iteration that has thrown is over and wants no `return`.
      this.#done = true
      this.#failure = { error }
      throw error
    }
  }
}
