/** Takes fixed numbers of bytes from a source whose chunks are cut anywhere. */
export class ByteQueue {
  readonly #source: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** @returns a copy of the next `count` bytes, or undefined when fewer are left; these are lost then. */
  async take(count: number): Promise<Buffer | undefined> {
    const taken = Buffer.allocUnsafe(count)
    for (let have = 0; have < count;) {
      if (this.#chunk.length === 0 && !(await this.#pull())) return undefined
      const part = this.#chunk.subarray(0, count - have)
      taken.set(part, have)
      have += part.length
      this.#chunk = this.#chunk.subarray(part.length)
    }
    return taken
  }

  async isEmpty(): Promise<boolean> {
    return this.#chunk.length === 0 && !(await this.#pull())
  }

  /** Tells the source that nothing more is wanted. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }

  async #pull(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next()
      if (next.done === true) return false
      if (next.value.length > 0) {
        this.#chunk = next.value
        return true
      }
    }
  }
}
