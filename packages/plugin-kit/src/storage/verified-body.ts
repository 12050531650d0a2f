import type { DigestMeter } from './part-reader.ts'

/** Passes the body of a whole object through, and looks at the digest of its bytes when it ends. */
export class VerifiedBody<D> implements AsyncIterableIterator<Uint8Array> {
  readonly #body: AsyncIterableIterator<Uint8Array, undefined>
  readonly #meter: DigestMeter<D>
  readonly #check: (digest: D) => void
  #isChecked = false

  /** @param check is called once, at the end of a body that was read whole; what it throws is the end of the reading. */
  constructor(body: AsyncIterableIterator<Uint8Array, undefined>, meter: DigestMeter<D>, check: (digest: D) => void) {
    this.#body = body
    this.#meter = meter
    this.#check = check
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const result = await this.#body.next()
    if (result.done !== true) this.#meter.update(result.value)
    else if (!this.#isChecked) {
      this.#isChecked = true
      this.#check(this.#meter.finish())
    }
    return result
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isChecked = true
    return (await this.#body.return?.()) ?? { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
